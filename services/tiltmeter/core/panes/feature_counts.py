"""Counts of one feature in one pane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tiltmeter.events.columns import Int64

#: Order of ``cells``. ``out_of_range`` and ``unseen`` are also ``ok`` cells: they can be binned.
STATES = ("ok", "missing", "type_error", "nonfinite", "out_of_range", "unseen")
OK, MISSING, TYPE_ERROR, NONFINITE, OUT_OF_RANGE, UNSEEN = range(6)


def _no_cells() -> Int64:
    return np.zeros(len(STATES), dtype=np.int64)


@dataclass(slots=True)
class FeatureCounts:
    """Additive. ``bins`` only for a numeric feature with a reference,
    ``categories`` only for a categorical one; both are over ``ok`` cells."""

    cells: Int64 = field(default_factory=_no_cells)
    bins: Int64 | None = None
    categories: dict[str, int] | None = None

    def add(self, other: FeatureCounts, sign: int = 1) -> None:
        """Merge; ``sign=-1`` takes the same counts out again, exactly, because they are integers."""
        self.cells = self.cells + sign * other.cells
        if other.bins is not None:
            self.bins = sign * other.bins if self.bins is None else self.bins + sign * other.bins
        if other.categories is not None:
            mine = dict(self.categories or {})
            for name, count in other.categories.items():
                left = mine.get(name, 0) + sign * count
                if left:
                    mine[name] = left
                else:
                    mine.pop(name, None)
            self.categories = mine

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
        return cls(np.array(wire["cells"], dtype=np.int64), bins, wire.get("categories"))
