"""How long until a model that really got worse is told: accuracy .92 -> .85 and its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from river.drift import ADWIN

from report.label_alarms import REFERENCE_ERRORS, REFERENCE_ROWS, moving_average_alarms
from report.markdown import delay, table
from report.scene import ALARMS, ON_LABELS, Labels, Monitor
from report.tasks import Result, Scale, Task
from report.wobble import LABEL_STREAMS, error_rates

#: Calm panes before the change.
BEFORE = 1_000


@dataclass(frozen=True)
class Case:
    """The error rate goes from .08 by ``rise`` at once."""

    title: str
    labels: int
    rise: float
    most: int
    stream: str = "i.i.d."
    share: float = 1.0


CASES = (
    Case("accuracy .92 → .85, 10 labels a pane", 10, 0.07, 600),
    Case("accuracy .92 → .85, 100 labels", 100, 0.07, 200),
    Case("accuracy .92 → .85, 1,000 labels", 1_000, 0.07, 60),
    Case("accuracy .92 → .90 (inside the tolerance), 100 labels", 100, 0.02, 400, share=0.5),
    Case("accuracy .92 → .95 (better), 100 labels", 100, -0.03, 400, share=0.5),
    *(Case(f".92 → .85 under {s}, 1,000 labels", 1_000, 0.07, 60, s, 0.5) for s in LABEL_STREAMS[1:]),
)
_OTHERS = {
    "cut": "PaneADWIN δ .002, ungated",
    "river": "river's ADWIN δ .002 on every label",
    "average": "accuracy of the last 10 panes < reference − .02",
}

_QUICK = ("accuracy .92 → .85, 100 labels", "accuracy .92 → .90 (inside the tolerance), 100 labels")


def _run(rng: np.random.Generator, case: int, runs: int) -> Result:
    what = CASES[case]
    reference = Labels(REFERENCE_ROWS, REFERENCE_ERRORS).reference
    found: dict[str, list[int | None]] = {name: [] for name in (*ON_LABELS, *_OTHERS)}
    for _ in range(runs):
        rates = error_rates(rng, what.stream, BEFORE + what.most)
        rates[BEFORE:] += what.rise
        errors = rng.binomial(what.labels, rates)
        monitor, cut = Monitor(reference), None
        for pane, wrong in enumerate(errors.tolist()):
            monitor.on_labels(what.labels, wrong)
            if pane >= BEFORE and cut is None and monitor.watch.labelled.performance.adwin.window.cut == "up":
                cut = pane - BEFORE + 1
            if cut is not None and all(monitor.count(ALARMS[key]) for key in ON_LABELS):
                break
        for key in ON_LABELS:
            told = [pane for pane, alert in monitor.fired if ALARMS[key].is_it(alert) and pane >= BEFORE]
            found[key].append(told[0] - BEFORE + 1 if told else None)
        found["cut"].append(cut)
        found["river"].append(_river(rng, errors, what.labels))
        (when,) = moving_average_alarms(errors, what.labels)[BEFORE:].nonzero()
        found["average"].append(int(when[0]) + 1 if when.size else None)
    return {"delays": found, "runs": runs}


def _river(rng: np.random.Generator, errors: np.ndarray, labels: int) -> int | None:
    adwin, item = ADWIN(delta=0.002), np.zeros(labels)
    for pane, wrong in enumerate(errors.tolist()):
        item[:wrong], item[wrong:] = 1.0, 0.0
        before = adwin.estimation
        for value in rng.permutation(item).tolist():
            adwin.update(value)
            if adwin.drift_detected and pane >= BEFORE and adwin.estimation > before:
                return pane - BEFORE + 1
    return None


def _name(case: Case) -> str:
    return f"label delay {case.title}"


def tasks(scale: Scale) -> list[Task]:
    return [
        Task(_name(case), _run, {"case": i, "runs": max(2, round(scale.delay_runs * case.share))}, cost=15)
        for i, case in enumerate(CASES)
        if scale.everything or case.title in _QUICK
    ]


def markdown(results: dict[str, Result]) -> str:
    rows = []
    for case in (c for c in CASES if _name(c) in results):
        r = results[_name(case)]
        rows.append([case.title, *(delay(r["delays"][key], r["runs"]) for key in (*ON_LABELS, *_OTHERS))])
    return table(["change", *(f"**{ALARMS[key].title}**" for key in ON_LABELS), *_OTHERS.values()], rows)
