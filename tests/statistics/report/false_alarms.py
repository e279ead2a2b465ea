"""Healthy predictions, a month of each kind: how often does each rule cry?"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from report.markdown import percent, table
from report.rules import RULES
from report.scene import (
    ALARMS,
    FEATURES,
    ON_FEATURES,
    PANES_PER_DAY,
    ROWS,
    WINDOW,
    Inputs,
    Monitor,
    true_distance,
    with_tolerance,
)
from report.seen import Seen, windows
from report.tasks import Result, Scale, Task
from report.wobble import LEVELS, feature_shifts

_BLOCK = 360
#: Rows of the reference where nothing moves: the hardest case for p-values.
SMALL = 10_000
_QUICK = ("i.i.d.", "A .10")
#: The good period from which τ is read.
GOOD_DAYS = 7.0


def _blocks(rng: np.random.Generator, inputs: Inputs, shifts: np.ndarray) -> Iterator[np.ndarray]:
    """Prediction panes' counts, int64[T, features, bins], T ≤ 360."""
    for first in range(0, len(shifts), _BLOCK):
        part = shifts[first : first + _BLOCK]
        if np.any(part):
            yield np.array([rng.multinomial(ROWS, inputs.shares(shift)) for shift in part])
        else:
            yield rng.multinomial(ROWS, inputs.shares(), size=(len(part), FEATURES))


def suggested_tau(rng: np.random.Generator, inputs: Inputs, level: str, days: float) -> float:
    """The largest distance of any feature's window in a good period, rounded up to two digits."""
    shifts = feature_shifts(rng, level, round(days * PANES_PER_DAY), FEATURES)
    worst = [
        Seen(window, inputs).distances.max(axis=1) for _, window in windows(_blocks(rng, inputs, shifts))
    ]
    return math.ceil(100.0 * float(np.concatenate(worst)[WINDOW:].max())) / 100.0  # the first are half empty


def _run(rng: np.random.Generator, level: str, days: float, rows: int) -> Result:
    inputs = Inputs(rng, rows)
    tau = suggested_tau(rng, inputs, level, min(GOOD_DAYS, days))
    shifts = feature_shifts(rng, level, round(days * PANES_PER_DAY), FEATURES)
    monitors = {"default": Monitor(inputs.reference)}
    if level != "i.i.d." and tau > 0.05:
        monitors["tuned"] = Monitor(inputs.reference, with_tolerance(tau))
    tally = {name: _Tally() for name in RULES}
    features = np.zeros(FEATURES)
    for block, window in windows(_blocks(rng, inputs, shifts)):
        for counts in block:
            for monitor in monitors.values():
                monitor.on_counts(counts)
        seen = Seen(window, inputs)
        for name, rule in RULES.items():
            drifted = rule.judge(seen)
            if name == "ks":
                features += drifted.sum(axis=0)
            tally[name].add(drifted if drifted.ndim == 1 else drifted.any(axis=1))
    return {
        "days": days,
        "tau": tau,
        "beyond": _beyond(shifts, 0.05),
        "beyond_tau": _beyond(shifts, max(tau, 0.05)),
        "ours": {name: {key: m.count(ALARMS[key]) for key in ON_FEATURES} for name, m in monitors.items()},
        "unknown": sorted({u for m in monitors.values() for u in m.unknown()}),
        "rules": {
            name: {"episodes": t.episodes, "share": t.panes / len(shifts)} for name, t in tally.items()
        },
        "feature_alarms": int(features.sum()),
        "feature_rates": [float(features.min() / len(shifts)), float(features.max() / len(shifts))],
    }


def _beyond(shifts: np.ndarray, tau: float) -> float:
    """Share of panes in which the truth of some feature is outside the tolerance."""
    return float((true_distance(shifts) > tau).any(axis=1).mean())


class _Tally:
    """Alarming panes, and uninterrupted runs of them: each of those would be a page."""

    def __init__(self) -> None:
        self.panes = self.episodes = 0
        self._on = False

    def add(self, alarming: np.ndarray) -> None:
        self.panes += int(alarming.sum())
        began = alarming & ~np.concatenate([[self._on], alarming[:-1]])
        self.episodes += int(began.sum())
        self._on = bool(alarming[-1])


def tasks(scale: Scale) -> list[Task]:
    return [
        Task(
            f"false alarms {level}",
            _run,
            {
                "level": level,
                "days": scale.days,
                "rows": SMALL if level == "i.i.d." else scale.large_reference,
            },
            cost=100,
        )
        for level in LEVELS
        if scale.everything or level in _QUICK
    ]


def found(results: dict[str, Result]) -> dict[str, Result]:
    """By level."""
    return {level: results[f"false alarms {level}"] for level in LEVELS if f"false alarms {level}" in results}


def markdown(results: dict[str, Result]) -> str:
    runs = found(results)
    head = ["alarm", *runs]
    rows = [
        [
            "panes in which the true distance of some feature exceeds .05",
            *(percent(r["beyond"]) for r in runs.values()),
        ]
    ]
    rows += [
        [f"**{ALARMS[key].title}**", *(f"**{r['ours']['default'][key]:,}**" for r in runs.values())]
        for key in ON_FEATURES
    ]
    rows.append(["τ that a good week suggests", *(_tau(r) for r in runs.values())])
    rows.append(
        [
            "panes in which the true distance exceeds that τ",
            *(percent(r["beyond_tau"]) for r in runs.values()),
        ]
    )
    rows.append(["**all alerts at that τ**", *(f"**{_tuned(r)}**" for r in runs.values())])
    for name, rule in RULES.items():
        rows.append([rule.title, *(_rule(r["rules"][name]) for r in runs.values())])
    return table(head, rows)


def _tau(result: Result) -> str:
    return f"{result['tau']:.2f}" if "tuned" in result["ours"] else "≤ .05"


def _tuned(result: Result) -> str:
    ours = result["ours"]
    return f"{sum(ours.get('tuned', ours['default']).values()):,}"


def _rule(tally: dict[str, float]) -> str:
    return "0" if not tally["episodes"] else f"{tally['episodes']:,} ({percent(tally['share'])})"
