"""How long until a feature that really drifts is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from report.markdown import delay, table
from report.rules import RULES
from report.scene import FEATURES, LEARNING, WINDOW, Inputs, Monitor, true_distance
from report.seen import Seen, windows
from report.tasks import Result, Scale, Task

#: Clean panes of each run before the drift, after those from which over-dispersion was learned: the windows are full.
_BEFORE = 2 * WINDOW
#: Ours: the detectors at the smaller tolerance, each for itself, and the alerts. What begins as a warning is not told
#: as information, too.
DETECTORS = {"ks_window": "KS window, τ .05", "e_sr": "e-SR on the CDF, τ .05"}
ALERTS = {"info": "alert", "warning": "alert, warning"}
OURS = DETECTORS | ALERTS
#: Rules that judge one feature are asked about the drifted one only: the others cry anyway.
_ASKED = ("ks", "bonferroni", "psi", "evidently_column", "evidently", "trustyai", "mlrun_potential")


#: Rows of a reference as good as exact.
EXACT = 1_000_000


@dataclass(frozen=True)
class Case:
    """One feature of twenty moves by ``shift`` standard deviations: at once, or evenly over ``ramp`` panes."""

    title: str
    shift: float
    rows: int
    reference: int
    most: int  # panes to wait
    ramp: int = 0
    share: float = 1.0  # of the scale's runs

    @property
    def distance(self) -> float:
        return float(true_distance(self.shift))

    def shifts(self) -> np.ndarray:
        """float64[panes]"""
        onset = np.arange(1, self.most + 1)
        after = (
            self.shift * np.minimum(onset / self.ramp, 1.0) if self.ramp else np.full(self.most, self.shift)
        )
        return np.concatenate([np.zeros(_BEFORE), after])


CASES = (
    Case("0.2 σ (D .080), 2,000 rows a pane, reference 1M", 0.2, 2_000, EXACT, 120),
    Case("0.2 σ, 2,000 rows, reference 100k", 0.2, 2_000, 100_000, 120),
    Case("0.2 σ, 2,000 rows, reference 10k", 0.2, 2_000, 10_000, 200, share=0.5),
    Case("0.2 σ, 200 rows, reference 1M", 0.2, 200, EXACT, 200, share=0.5),
    Case("0.15 σ (D .060), 2,000 rows, reference 1M", 0.15, 2_000, EXACT, 120, share=0.5),
    Case("0.25 σ (D .100), 2,000 rows, reference 1M", 0.25, 2_000, EXACT, 120, share=0.5),
    Case("0.3 σ (D .119), 2,000 rows, reference 1M", 0.3, 2_000, EXACT, 60),
    Case("0.4 σ (D .159), 2,000 rows, reference 1M", 0.4, 2_000, EXACT, 60, share=0.5),
    Case("0.5 σ (D .197), 2,000 rows, reference 1M", 0.5, 2_000, EXACT, 60),
    Case("0.5 σ, 2,000 rows, reference 10k", 0.5, 2_000, 10_000, 60),
    Case("0.5 σ, 200 rows, reference 1M", 0.5, 200, EXACT, 60),
    Case("ramp to 0.5 σ in 60 panes, 2,000 rows, reference 1M", 0.5, 2_000, EXACT, 80, ramp=60, share=0.5),
    Case(
        "ramp to 0.5 σ in 1,440 panes, 2,000 rows, reference 1M",
        0.5,
        2_000,
        EXACT,
        1_440,
        ramp=1_440,
        share=0.2,
    ),
)

_QUICK = ("0.2 σ, 2,000 rows, reference 100k", "0.5 σ, 2,000 rows, reference 10k")


def _run(rng: np.random.Generator, case: int, runs: int) -> Result:
    what = CASES[case]
    shifts, calm = what.shifts(), np.zeros(FEATURES)
    inputs = Inputs(rng, what.reference)
    found: dict[str, list[int | None]] = {name: [] for name in (*OURS, *_ASKED)}
    learned, phi = _learned(rng, inputs, what.rows), list[float]()
    for run in range(runs):
        if run and what.reference < EXACT:  # a small one differs from draw to draw
            inputs = Inputs(rng, what.reference)
            learned = _learned(rng, inputs, what.rows)
        phi.append(learned.phi())
        monitor, panes, told = learned.fork(), [], dict[str, int]()
        for pane, shift in enumerate(shifts):
            calm[0] = shift
            panes.append(rng.multinomial(what.rows, inputs.shares(calm)))
            if len(told) == len(OURS):
                continue  # the rules are asked to the end
            began = {alert["severity"] for alert in monitor.on_counts(panes[-1])}
            if pane >= _BEFORE:
                now = (began | ({"info"} if "warning" in began else set())) & ALERTS.keys()
                now |= monitor.detectors() if not DETECTORS.keys() <= told.keys() else set()
                told = {**dict.fromkeys(now, pane - _BEFORE + 1), **told}
        for key in OURS:
            found[key].append(told.get(key))
        _ask(found, panes, inputs)
    return {"delays": found, "runs": runs, "phi": phi}


def _learned(rng: np.random.Generator, inputs: Inputs, rows: int) -> Monitor:
    """One that knows the over-dispersion of its stream."""
    monitor = Monitor(inputs.reference)
    for counts in rng.multinomial(rows, inputs.shares(), size=(LEARNING + 1, FEATURES)):
        monitor.on_counts(counts)
    return monitor


def _ask(found: dict[str, list[int | None]], panes: list[np.ndarray], inputs: Inputs) -> None:
    """When each rule first alarms after the onset."""
    (_, window), *_ = windows(iter([np.array(panes)]))
    seen = Seen(window, inputs)
    for name in _ASKED:
        drifted = RULES[name].judge(seen)
        drifted = drifted if drifted.ndim == 1 else drifted[:, 0]
        (when,) = drifted[_BEFORE:].nonzero()
        found[name].append(int(when[0]) + 1 if when.size else None)


def name(case: Case) -> str:
    return f"delay {case.title}"


def _runs(case: Case, scale: Scale) -> int:
    return max(2, round(scale.delay_runs * case.share))


def tasks(scale: Scale) -> list[Task]:
    return [
        Task(name(case), _run, {"case": i, "runs": _runs(case, scale)}, cost=case.most * case.share / 10)
        for i, case in enumerate(CASES)
        if scale.everything or case.title in _QUICK
    ]


def markdown(results: dict[str, Result]) -> str:
    head = ["drift", *(f"**{title}**" for title in OURS.values()), *(RULES[name].title for name in _ASKED)]
    rows = []
    for case in (c for c in CASES if name(c) in results):
        r = results[name(case)]
        cells = [delay(r["delays"][key], r["runs"]) for key in (*OURS, *_ASKED)]
        rows.append([case.title, *cells])
    return table(head, rows)
