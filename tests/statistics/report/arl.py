"""Panes to the first false alarm at the worst point of the null, for every detector with a proof.

At the boundary the truth lies exactly where the null ends and the reference is known exactly, so that no margin
hides a mistake. Runs are cut off after ``most`` panes, which can only make the mean look smaller.
"""

from __future__ import annotations

import math

import numpy as np

from report import boundary_cells, boundary_cohorts, boundary_distributions, boundary_losses, boundary_rows
from report.markdown import table
from report.tasks import Result, Scale, Task
from report.worst_case import Case

#: A new proved detector is one entry in one of these files.
CASES: tuple[Case, ...] = (
    *boundary_losses.CASES,
    *boundary_cohorts.CASES,
    *boundary_distributions.CASES,
    *boundary_cells.CASES,
    *boundary_rows.CASES,
)


def _run(rng: np.random.Generator, case: int, runs: int) -> Result:
    what = CASES[case]
    lengths = []
    for _ in range(runs):
        alarms = what.alarms(rng, what.nominal)
        lengths.append(next((i for i in range(1, what.most) if next(alarms)), what.most))
    mean, cut = float(np.mean(lengths)), sum(length == what.most for length in lengths)
    half = 1.96 * float(np.std(lengths, ddof=1)) / math.sqrt(runs)
    return {"mean": mean, "low": mean - half, "high": mean + half, "cut": cut, "runs": runs}


def tasks(scale: Scale) -> list[Task]:
    return [
        Task(
            f"arl {case.title}", _run, {"case": i, "runs": max(2, round(scale.arl_runs * case.share))}, cost=5
        )
        for i, case in enumerate(CASES)
        if scale.everything or case.quick
    ]


def held(results: dict[str, Result]) -> bool:
    """The mean run is nominal or longer, within the confidence of the simulation, in every case."""
    return all(results[f"arl {case.title}"]["high"] >= case.nominal for case in measured(results))


def measured(results: dict[str, Result]) -> list[Case]:
    return [case for case in CASES if f"arl {case.title}" in results]


def markdown(results: dict[str, Result]) -> str:
    rows = []
    for case in measured(results):
        r = results[f"arl {case.title}"]
        sign = "≥ " if r["cut"] else ""
        rows.append(
            [
                case.title,
                f"{case.nominal:,.0f}",
                f"{sign}{r['mean']:,.0f} ({r['low']:,.0f}–{r['high']:,.0f})",
                f"{r['runs']}, {r['cut']} cut at {case.most:,}",
            ]
        )
    return table(["detector and worst case", "nominal ARL", "mean run, panes (95 % interval)", "runs"], rows)
