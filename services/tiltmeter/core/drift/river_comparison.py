"""River's drift detectors on the error stream, to be compared with ours. They are counted and alarm nothing.

Source: river 0.26, ``river.drift``; each with river's default parameters. It is imported only where a model asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

#: Where river has them. All take zeros and ones.
DETECTORS = {
    "ADWIN": "river.drift",
    "KSWIN": "river.drift",
    "PageHinkley": "river.drift",
    "DDM": "river.drift.binary",
    "EDDM": "river.drift.binary",
    "FHDDM": "river.drift.binary",
    "HDDMA": "river.drift.binary",
    "HDDMW": "river.drift.binary",
}
#: Most items a pane is fed as: KSWIN takes 145 µs for one.
MOST_ITEMS = 500


class RiverComparison:
    """Detectors by name, and the drifts each has found since this worker began to watch.

    A pane knows how many of its n labels were errors, not in which order. It is fed as that many zeros and ones,
    the ones spread evenly (:func:`spread`), at most :data:`MOST_ITEMS` of them in the same proportion; a mean loss
    of a regression as the nearest share of ones. So a detector sees the rate of errors change, to within a pane, but
    no runs inside of one: detectors that judge the distance between errors (EDDM) see a calmer stream than there was.

    Never persisted: river's state is a pickle. After a restart the comparison, and its counts, begin anew.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """ValueError for a name that is not in :data:`DETECTORS`."""
        unknown = sorted(set(names) - DETECTORS.keys())
        if unknown:
            raise ValueError(f"river has no detector {', '.join(unknown)}; known are {', '.join(DETECTORS)}")
        self.drifts = dict.fromkeys(names, 0)
        self._detectors: dict[str, Any] = {name: _made(name) for name in self.drifts}

    def on_pane(self, n: int, total: float) -> None:
        """n ≥ 0 labels and the sum of their losses, each in [0, 1]."""
        for value in spread(n, total):
            for name, detector in self._detectors.items():
                detector.update(value)
                self.drifts[name] += detector.drift_detected


def spread(n: int, total: float) -> Iterator[int]:
    """min(n, MOST_ITEMS) zeros and ones whose sum is nearest to their share of ``total``, as evenly as can be: item i
    is a one where the line of that slope passes a whole number (Bresenham 1965)."""
    items = min(n, MOST_ITEMS)
    ones = round(total * items / n) if n else 0
    for i in range(items):
        yield (i + 1) * ones // items - i * ones // items


def _made(name: str) -> Any:
    detector = getattr(import_module(DETECTORS[name]), name)
    return detector(seed=0) if name == "KSWIN" else detector()  # KSWIN draws at random
