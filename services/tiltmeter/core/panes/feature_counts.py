"""Counts of one feature in one pane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from tiltmeter.events.columns import Int64

K = TypeVar("K", int, str)

#: Order of ``cells``. ``out_of_range`` and ``unseen`` are also ``ok`` cells: they can be binned.
STATES = ("ok", "missing", "type_error", "nonfinite", "out_of_range", "unseen")
OK, MISSING, TYPE_ERROR, NONFINITE, OUT_OF_RANGE, UNSEEN = range(6)


def _no_cells() -> Int64:
    return np.zeros(len(STATES), dtype=np.int64)


@dataclass(slots=True)
class FeatureCounts:
    """Additive, over ``ok`` cells. With a reference: ``bins`` of a numeric feature, ``categories`` of a categorical
    one. Without: ``log_bins`` of the numbers (log_linear.py) and ``categories`` of the texts."""

    cells: Int64 = field(default_factory=_no_cells)
    bins: Int64 | None = None
    categories: dict[str, int] | None = None
    log_bins: dict[int, int] | None = None

    def add(self, other: FeatureCounts, sign: int = 1) -> None:
        """Merge; ``sign=-1`` takes the same counts out again, exactly, because they are integers."""
        self.cells = self.cells + sign * other.cells
        if other.bins is not None:
            self.bins = sign * other.bins if self.bins is None else self.bins + sign * other.bins
        if other.categories is not None:
            self.categories = _merged(self.categories, other.categories, sign)
        if other.log_bins is not None:
            self.log_bins = _merged(self.log_bins, other.log_bins, sign)

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {"cells": self.cells.tolist()}
        if self.bins is not None:
            (filled,) = self.bins.nonzero()
            if filled.size * 2 < self.bins.size:  # sparse: [bins, index, count, index, count, …]
                pairs = np.empty((filled.size, 2), dtype=np.int64)
                pairs[:, 0], pairs[:, 1] = filled, self.bins[filled]
                wire["sparse"] = [self.bins.size, *pairs.ravel().tolist()]
            else:
                wire["bins"] = self.bins.tolist()
        if self.categories is not None:
            wire["categories"] = dict(sorted(self.categories.items()))
        if self.log_bins is not None:
            wire["log_bins"] = [list(pair) for pair in sorted(self.log_bins.items())]
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> FeatureCounts:
        bins: Int64 | None = None
        if "bins" in wire:
            bins = np.array(wire["bins"], dtype=np.int64)
        elif "sparse" in wire:
            size, *pairs = wire["sparse"]
            bins = np.zeros(size, dtype=np.int64)
            bins[np.array(pairs[::2], dtype=np.int64)] = pairs[1::2]
        log_bins = dict(wire["log_bins"]) if "log_bins" in wire else None
        return cls(np.array(wire["cells"], dtype=np.int64), bins, wire.get("categories"), log_bins)


def _merged(mine: dict[K, int] | None, theirs: dict[K, int], sign: int) -> dict[K, int]:
    """Counts by key; keys whose count is zero are absent."""
    merged = dict(mine or {})
    for key, count in theirs.items():
        left = merged.get(key, 0) + sign * count
        if left:
            merged[key] = left
        else:
            merged.pop(key, None)
    return merged
