"""Scores of a binary model by their label: what ranking and calibration metrics are computed from.

Two histograms over 256 bins that are uniform in the score's logit, so that a rare positive class keeps its
resolution where its scores are; and the reliability table of 15 equal-width bins. A bin is (lower, upper].
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.panes.fixed_point import quantise
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.events.columns import Float64, Int64

BINS, LARGEST_LOGIT = 256, 12.0
#: float64[255]: scores between the bins, ascending; what lies beyond the largest logit is in the outer bins.
EDGES: Float64 = np.array(
    [1.0 / (1.0 + math.exp(LARGEST_LOGIT - 2 * LARGEST_LOGIT * i / BINS)) for i in range(1, BINS)]
)
RELIABILITY_BINS = 15
_RELIABILITY_EDGES: Float64 = np.array([i / RELIABILITY_BINS for i in range(1, RELIABILITY_BINS)])
_SIZE = 2 * BINS + 3 * RELIABILITY_BINS
_FEW = 8


class ScoreCounts:
    """Additive integers in one vector; nothing is held before the first score, and zeros equal nothing.

    Adding takes about 1 µs. On the wire a bin costs some six bytes and only bins that are not empty travel:
    at most 4 KB, and with few labels about as many bins as labels.
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Int64 | None = None) -> None:
        self._counts = counts

    @classmethod
    def of(cls, scores: Float64, positive: NDArray[np.bool_]) -> Self:
        """float64[n] probabilities of class 1 and bool[n] labels. Every score must be in [0, 1]."""
        place = np.searchsorted(_RELIABILITY_EDGES, scores, side="left")
        # Weights are integers below 2**53 in sum, where float64 is exact.
        predicted = np.bincount(place, weights=quantise(scores), minlength=RELIABILITY_BINS)
        parts = (
            bin_counts(EDGES, scores[~positive]),
            bin_counts(EDGES, scores[positive]),
            np.bincount(place, minlength=RELIABILITY_BINS),
            predicted.astype(np.int64),
            np.bincount(place[positive], minlength=RELIABILITY_BINS),
        )
        return cls(np.concatenate(parts, dtype=np.int64))

    @classmethod
    def at(cls, found: list[list[int]]) -> Self:
        """The same from a few rows of :func:`places`."""
        counts = np.zeros(_SIZE, dtype=np.int64)
        for bin_, labels, predicted, score, positives, positive in found:
            counts[bin_] += 1
            counts[labels] += 1
            counts[predicted] += score
            counts[positives] += positive
        return cls(counts)

    def add(self, other: ScoreCounts, sign: int = 1) -> None:
        if other._counts is None:
            return
        mine = np.zeros(_SIZE, dtype=np.int64) if self._counts is None else self._counts
        self._counts = mine + sign * other._counts

    def _part(self, start: int, size: int) -> Int64:
        if self._counts is None:
            return np.zeros(size, dtype=np.int64)
        return self._counts[start : start + size]

    @property
    def negatives(self) -> Int64:
        """int64[256] by ascending score: labels of class 0."""
        return self._part(0, BINS)

    @property
    def positives(self) -> Int64:
        """int64[256] by ascending score: labels of class 1."""
        return self._part(BINS, BINS)

    @property
    def reliability(self) -> Int64:
        """int64[3, 15] per equal-width bin: labels, sum of scores in fixed point, labels of class 1."""
        return self._part(2 * BINS, 3 * RELIABILITY_BINS).reshape(3, RELIABILITY_BINS)

    @property
    def n(self) -> int:
        return int(self.reliability[0].sum())

    def __bool__(self) -> bool:
        return self._counts is not None and bool(self._counts.any())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ScoreCounts):
            return NotImplemented
        return bool((self._part(0, _SIZE) == other._part(0, _SIZE)).all())

    __hash__ = None  # type: ignore[assignment]  # mutable

    def to_wire(self) -> dict[str, Any]:
        """``negatives`` and ``positives`` as bin, count, bin, count, ...; ``reliability`` as bin, labels, scores,
        positives, ..."""
        return {
            "negatives": _sparse(self.negatives.reshape(1, -1)),
            "positives": _sparse(self.positives.reshape(1, -1)),
            "reliability": _sparse(self.reliability),
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Self:
        parts = (
            _dense(wire["negatives"], 1, BINS),
            _dense(wire["positives"], 1, BINS),
            _dense(wire["reliability"], 3, RELIABILITY_BINS),
        )
        return cls(np.concatenate([part.ravel() for part in parts]))


def places(scores: Float64, positive: NDArray[np.bool_]) -> list[list[int]]:
    """Per score of :meth:`ScoreCounts.of`: where it counts in the vector, and what; see :meth:`ScoreCounts.at`."""
    actual = positive.astype(np.int64)
    table = 2 * BINS + np.searchsorted(_RELIABILITY_EDGES, scores, side="left")
    columns = (
        BINS * actual + np.searchsorted(EDGES, scores, side="left"),
        table,
        table + RELIABILITY_BINS,
        quantise(scores),
        table + 2 * RELIABILITY_BINS,
        actual,
    )
    return np.column_stack(columns).tolist()  # type: ignore[no-any-return]  # ints, two levels deep


def _sparse(table: Int64) -> list[int]:
    used = np.flatnonzero(table.any(axis=0))
    if used.size <= _FEW:  # most label panes of a batch over many models hold a label or two
        return list(chain.from_iterable((at, *table[:, at].tolist()) for at in used.tolist()))
    flat: list[int] = np.column_stack([used, table[:, used].T]).ravel().tolist()
    return flat


def _dense(flat: list[int], rows: int, bins: int) -> Int64:
    table = np.zeros((rows, bins), dtype=np.int64)
    used = np.array(flat, dtype=np.int64).reshape(-1, rows + 1)
    table[:, used[:, 0]] = used[:, 1:].T
    return table
