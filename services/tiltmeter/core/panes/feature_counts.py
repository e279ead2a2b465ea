"""Counts of one feature in one pane."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from tiltmeter.core.panes.histogram_wire import few_to_wire, histograms_from_wire, histograms_to_wire
from tiltmeter.events.columns import Int64

K = TypeVar("K", int, str)

#: Order of ``cells``. ``out_of_range`` and ``unseen`` are also ``ok`` cells: they can be binned.
STATES = ("ok", "missing", "type_error", "nonfinite", "out_of_range", "unseen")
OK, MISSING, TYPE_ERROR, NONFINITE, OUT_OF_RANGE, UNSEEN = range(6)
#: Places of values that a histogram remembers one by one before it counts them in.
_MOST_PLACES = 256


class FeatureCounts:
    """Additive, over ``ok`` cells. With a reference: ``bins`` of a numeric feature, ``categories`` of a categorical
    one. Without: ``log_bins`` of the numbers (log_linear.py) and ``categories`` of the texts.

    A batch over many models brings each of them a few rows. Then the histogram is held as the places of its values,
    and counted in when it is looked at, or when there are as many as bins.
    """

    __slots__ = ("_bins", "_cells", "_places", "_size", "categories", "log_bins")

    def __init__(
        self,
        cells: Int64 | None = None,
        bins: Int64 | None = None,
        categories: dict[str, int] | None = None,
        log_bins: dict[int, int] | None = None,
    ) -> None:
        self._cells: Int64 | list[int] = [0] * len(STATES) if cells is None else cells
        self._bins = bins
        self._places: list[int] = []
        self._size = 0 if bins is None else bins.size  # of the histogram; 0: there is none
        self.categories = categories
        self.log_bins = log_bins

    @classmethod
    def of_places(
        cls, cells: list[int], size: int, places: list[int], categories: dict[str, int] | None = None
    ) -> FeatureCounts:
        """A histogram of ``size`` bins (0: none) over a few values, by the bin of each; what is given is kept."""
        counts = cls.__new__(cls)  # ten thousand of them in a batch over 1,000 models
        counts._cells, counts._size, counts._places = cells, size, places
        counts._bins, counts.categories, counts.log_bins = None, categories, None
        return counts

    @property
    def cells(self) -> Int64:
        """int64[6] in the order of :data:`STATES`."""
        if isinstance(self._cells, list):
            self._cells = np.array(self._cells, dtype=np.int64)
        return self._cells

    @cells.setter
    def cells(self, cells: Int64) -> None:
        self._cells = cells

    @property
    def bins(self) -> Int64 | None:
        if self._places or (self._size and self._bins is None):
            placed = np.bincount(self._places, minlength=self._size)
            self._bins = placed if self._bins is None else self._bins + placed
            self._places = []
        return self._bins

    @bins.setter
    def bins(self, bins: Int64 | None) -> None:
        self._bins, self._places, self._size = bins, [], 0 if bins is None else bins.size

    @property
    def values(self) -> int:
        """How many have been counted over the bins or the categories of a reference."""
        numbers = self.bins
        return (0 if numbers is None else int(numbers.sum())) + sum((self.categories or {}).values())

    def add(self, other: FeatureCounts, sign: int = 1) -> None:
        """Merge; ``sign=-1`` takes the same counts out again, exactly, because they are integers."""
        if sign == 1 and isinstance(self._cells, list) and isinstance(other._cells, list):
            self._cells = list(map(int.__add__, self._cells, other._cells))
        else:
            self.cells = self.cells + sign * other.cells
        if other._size:
            self._add_bins(other, sign)
        self.add_categories(other, sign)
        if other.log_bins is not None:
            self.log_bins = _merged(self.log_bins, other.log_bins, sign)

    def _add_bins(self, other: FeatureCounts, sign: int) -> None:
        if sign == 1 and other._bins is None and self._size in (0, other._size):
            self._size = other._size
            self._places = self._places + other._places
            if len(self._places) > _MOST_PLACES:
                _ = self.bins
            return
        mine, theirs = self.bins, other.bins
        assert theirs is not None  # its size says so
        self.bins = sign * theirs if mine is None else mine + sign * theirs

    def add_categories(self, other: FeatureCounts, sign: int = 1) -> None:
        if other.categories is not None:
            self.categories = _merged(self.categories, other.categories, sign)

    def to_wire(self) -> dict[str, Any]:
        wire, bins = self.begin_wire()
        return wire if bins is None else wire | histograms_to_wire([bins])[0]

    def begin_wire(self) -> tuple[dict[str, Any], Int64 | None]:
        """(wire form, what is still to be added to it by ``histograms_to_wire``)."""
        cells = self._cells if isinstance(self._cells, list) else self._cells.tolist()
        wire: dict[str, Any] = {"cells": cells}
        few = few_to_wire(self._size, self._places) if self._bins is None else None
        bins = None
        if few is not None:
            wire["sparse"] = few
        elif self._size:
            bins = self.bins
        if self.categories is not None:
            wire["categories"] = dict(sorted(self.categories.items()))
        if self.log_bins is not None:
            wire["log_bins"] = [list(pair) for pair in sorted(self.log_bins.items())]
        return wire, bins

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> FeatureCounts:
        return cls.with_bins(wire, histograms_from_wire([wire])[0])

    @classmethod
    def with_bins(cls, wire: dict[str, Any], bins: Int64 | None) -> FeatureCounts:
        """``bins``: what ``histograms_from_wire`` has found in ``wire``."""
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
