"""Thirty days of labels of a model that is as good as ever."""

from __future__ import annotations

import numpy as np
from river.drift import ADWIN

from report.markdown import table
from report.scene import ALARMS, ON_LABELS, PANES_PER_DAY, Labels, Monitor
from report.tasks import Result, Scale, Task
from report.wobble import LABEL_STREAMS, error_rates

#: (stream, labels per pane). Fewer labels only i.i.d.: noise hides the wobble.
CASES = (*((stream, 1_000) for stream in LABEL_STREAMS), ("i.i.d.", 100), ("i.i.d.", 10))
_QUICK = (("AR(.95) sd .01", 1_000), ("i.i.d.", 100))
#: What the reference knows: 8 % of its rows were wrong.
REFERENCE_ROWS, REFERENCE_ERRORS = 100_000, 8_000


def moving_average_alarms(
    errors: np.ndarray, labels: int, panes: int = 10, tolerance: float = 0.02
) -> np.ndarray:
    """bool[panes]: the accuracy of the last ten panes is more than .02 below the reference's."""
    sums = np.convolve(errors, np.ones(panes), "full")[: len(errors)]
    out: np.ndarray = sums / (panes * labels) > REFERENCE_ERRORS / REFERENCE_ROWS + tolerance
    return out


def _river_cuts(rng: np.random.Generator, errors: np.ndarray, labels: int) -> int:
    """Alarms of river's ADWIN on every label: cuts towards more errors, as its estimate tells."""
    adwin, cuts, item = ADWIN(delta=0.002), 0, np.zeros(labels)
    for wrong in errors.tolist():
        item[:wrong], item[wrong:] = 1.0, 0.0
        before = adwin.estimation
        for value in rng.permutation(item).tolist():
            adwin.update(value)
            if adwin.drift_detected:
                cuts += adwin.estimation > before
    return cuts


def _run(rng: np.random.Generator, stream: str, labels: int, days: float) -> Result:
    panes = round(days * PANES_PER_DAY)
    errors = rng.binomial(labels, error_rates(rng, stream, panes))
    monitor = Monitor(Labels(REFERENCE_ROWS, REFERENCE_ERRORS).reference)
    for wrong in errors.tolist():
        monitor.on_labels(labels, wrong)
    average = moving_average_alarms(errors, labels)
    return {
        "days": days,
        "ours": {key: monitor.count(ALARMS[key]) for key in ON_LABELS},
        "unknown": monitor.unknown(),
        "cuts": dict(monitor.watch.labelled.performance.adwin.cuts),
        "average": int((average & ~np.concatenate([[False], average[:-1]])).sum()),
        "river": _river_cuts(rng, errors, labels),
    }


def _name(stream: str, labels: int) -> str:
    return f"calm labels {stream} {labels}"


def tasks(scale: Scale) -> list[Task]:
    return [
        Task(_name(*case), _run, {"stream": case[0], "labels": case[1], "days": scale.days}, cost=20)
        for case in CASES
        if scale.everything or case in _QUICK
    ]


def found(results: dict[str, Result]) -> dict[tuple[str, int], Result]:
    return {case: results[_name(*case)] for case in CASES if _name(*case) in results}


def markdown(results: dict[str, Result]) -> str:
    runs = found(results)
    rows = [[f"**{ALARMS[k].title}**", *(f"**{r['ours'][k]:,}**" for r in runs.values())] for k in ON_LABELS]
    rows += [
        ["PaneADWIN δ .002, ungated: cuts upwards", *(f"{r['cuts']['up']:,}" for r in runs.values())],
        ["river's ADWIN δ .002 on every label: cuts upwards", *(f"{r['river']:,}" for r in runs.values())],
        ["accuracy of the last 10 panes < reference − .02", *(f"{r['average']:,}" for r in runs.values())],
    ]
    return table(["alarm", *(f"{stream}, {labels:,} labels" for stream, labels in runs)], rows)
