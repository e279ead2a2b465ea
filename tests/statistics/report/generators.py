"""river's synthetic streams against river's detectors: a frozen model, 10,000 clean labels, then another concept.

The change is abrupt and exactly known because two generators follow each other (``ConceptDriftStream`` blends
them along a sigmoid).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from river.datasets import synth
from river.drift import ADWIN, KSWIN, PageHinkley
from river.drift.binary import DDM, EDDM, FHDDM, HDDMA, HDDMW
from river.tree import HoeffdingTreeClassifier
from sklearn.naive_bayes import GaussianNB

from report.markdown import table
from report.scene import ALARMS, ON_LABELS, POLICY, Labels, Monitor
from report.tasks import Result, Scale, Task

TRAIN, HELD_OUT, CLEAN, DRIFTED = 5_000, 5_000, 10_000, 5_000
#: Labels a pane.
PANE = 50

Rows = list[tuple[dict[str, Any], int]]


@dataclass(frozen=True)
class Stream:
    """``make(variant, seed)`` is an endless generator; the concept goes from ``before`` to ``after``."""

    make: Callable[[int, int], Iterable[Any]]
    before: int
    after: int
    tree: bool = False


STREAMS = {
    "SEA 0→3": Stream(lambda v, s: synth.SEA(variant=v, noise=0.1, seed=s), 0, 3),
    "Agrawal 0→1": Stream(lambda v, s: synth.Agrawal(v, seed=s, perturbation=0.05), 0, 1, tree=True),
    "Agrawal 2→3": Stream(lambda v, s: synth.Agrawal(v, seed=s, perturbation=0.05), 2, 3, tree=True),
    "STAGGER 1→2": Stream(lambda v, s: synth.STAGGER(v, seed=s), 1, 2),
    "Sine 0→1": Stream(lambda v, s: synth.Sine(v, seed=s), 0, 1),
    "Mixed 0→1": Stream(lambda v, s: synth.Mixed(v, seed=s), 0, 1),
}


class AlwaysFires:
    """Needs no data: what a detector must beat."""

    drift_detected = True

    def update(self, error: int) -> None: ...


DETECTORS: dict[str, Callable[[int], Any]] = {
    "ADWIN δ .002": lambda _: ADWIN(delta=0.002),
    "DDM": lambda _: DDM(),
    "EDDM": lambda _: EDDM(),
    "HDDM_A": lambda _: HDDMA(),
    "HDDM_W": lambda _: HDDMW(),
    "FHDDM": lambda _: FHDDM(),
    "PageHinkley": lambda _: PageHinkley(),
    "KSWIN": lambda seed: KSWIN(seed=seed),
    "always fires": lambda _: AlwaysFires(),
}
#: The clean part is as long as over-dispersion takes to be learned, and nothing warns before: it is given, as 1.
_AWAKE = replace(POLICY, tolerances=replace(POLICY.tolerances, learning_panes=0))
_QUICK = ("SEA 0→3", "Sine 0→1")
#: Costs more than all others together, so the quick mode goes without.
_SLOW = "KSWIN"
_CUT = "PaneADWIN δ .002, ungated (heuristic)"
_OURS = (*ON_LABELS, "cut")


def errors_of(stream: Stream, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(held-out errors, errors of the stream), bool: the frozen model's wrong answers."""
    first: Iterator[Any] = iter(stream.make(stream.before, 2 * seed + 1))
    rows = list(islice(first, TRAIN + HELD_OUT + CLEAN))
    rows += islice(stream.make(stream.after, 2 * seed + 2), DRIFTED)
    wrong = _tree(rows) if stream.tree else _bayes(rows)
    return wrong[:HELD_OUT], wrong[HELD_OUT:]


def _bayes(rows: Rows) -> np.ndarray:
    names = sorted(rows[0][0])
    x = np.array([[float(row[name]) for name in names] for row, _ in rows])
    y = np.array([int(label) for _, label in rows])
    out: np.ndarray = GaussianNB().fit(x[:TRAIN], y[:TRAIN]).predict(x[TRAIN:]) != y[TRAIN:]
    return out


def _tree(rows: Rows) -> np.ndarray:
    tree = HoeffdingTreeClassifier()
    for row, label in rows[:TRAIN]:
        tree.learn_one(row, label)
    return np.array([tree.predict_one(row) != label for row, label in rows[TRAIN:]])


def _by_items(detector: Any, errors: np.ndarray) -> tuple[int, int | None]:
    """(alarms before the change, labels from the change to the first alarm)"""
    false = 0
    for i, error in enumerate(errors.astype(int).tolist()):
        detector.update(error)
        if detector.drift_detected:
            if i >= CLEAN:
                return false, i - CLEAN + 1
            false += 1
    return false, None


def _ours(held_out: np.ndarray, errors: np.ndarray) -> dict[str, tuple[int, int | None]]:
    monitor, change = Monitor(Labels(HELD_OUT, int(held_out.sum())).reference, _AWAKE), CLEAN // PANE
    cuts = []
    for pane, wrong in enumerate(errors.reshape(-1, PANE).sum(axis=1).tolist()):
        monitor.on_labels(PANE, wrong)
        if monitor.watch.labelled.performance.adwin.window.cut == "up":
            cuts.append(pane)
    told = {key: [pane for pane, alert in monitor.fired if ALARMS[key].is_it(alert)] for key in ON_LABELS}
    told["cut"] = cuts
    out = {}
    for key, panes in told.items():
        after = [pane for pane in panes if pane >= change]
        out[key] = (len(panes) - len(after), (after[0] - change + 1) * PANE if after else None)
    return out


def _run(rng: np.random.Generator, stream: str, seed: int, slow: bool) -> Result:
    held_out, errors = errors_of(STREAMS[stream], seed)
    found: dict[str, Any] = dict(_ours(held_out, errors))
    for name, make in DETECTORS.items():
        if name == _SLOW and not slow:
            continue
        found[name] = _by_items(make(seed), errors)
    return {"before": float(errors[:CLEAN].mean()), "after": float(errors[CLEAN:].mean()), "found": found}


def tasks(scale: Scale) -> list[Task]:
    return [
        Task(
            f"synthetic {stream} {seed}",
            _run,
            {"stream": stream, "seed": seed, "slow": scale.everything},
            cost=4,
        )
        for stream in STREAMS
        if scale.everything or stream in _QUICK
        for seed in range(scale.seeds)
    ]


def found(results: dict[str, Result], stream: str) -> list[Result]:
    return [r for name, r in results.items() if name.startswith(f"synthetic {stream} ")]


def markdown(results: dict[str, Result]) -> str:
    head, rows = ["detector"], []
    measured = [stream for stream in STREAMS if found(results, stream)]
    for stream in measured:
        runs = found(results, stream)
        before, after = (float(np.mean([r[when] for r in runs])) for when in ("before", "after"))
        head.append(f"{stream} (error {before:.3f} → {after:.3f})")
    for key in [
        k for k in (*_OURS, *DETECTORS) if all(k in r["found"] for s in measured for r in found(results, s))
    ]:
        title = f"**{ALARMS[key].title}**" if key in ALARMS else _CUT if key == "cut" else key
        rows.append([title, *(_cell(found(results, stream), key) for stream in measured)])
    return table(head, rows)


def _cell(runs: list[Result], key: str) -> str:
    false = sum(r["found"][key][0] for r in runs) * 10_000 / (CLEAN * len(runs))
    delays = sorted(r["found"][key][1] for r in runs if r["found"][key][1] is not None)
    missed = len(runs) - len(delays)
    often = f"{false:,.0f}" if false >= 100 else f"{false:.3g}"
    text = f"{np.median(delays):,.0f} / {often}" if delays else f"– / {often}"
    return f"{text} / {missed} missed" if missed else text
