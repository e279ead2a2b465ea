"""Accuracy without labels, from the scores of a binary classifier: confidence-based performance estimation (CBPE).

A score that is a probability says how often the answer is wrong: p if the answer was 0, 1 - p if it was 1. The sum
over predictions is the expected number of errors (NannyML's CBPE). What scores mean is taken from the reference,
where labels are known: an over-confident model is corrected, as long as its scores mean what they meant then. CBPE
assumes that P(label | score) is unchanged, and so is blind to concept drift, which is a change of just that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tiltmeter.core.panes.answers import N0, N1, SUM0, SUM1
from tiltmeter.core.panes.fixed_point import ONE
from tiltmeter.core.panes.score_counts import BINS
from tiltmeter.events.columns import Float64, Int64


class Expected(NamedTuple):
    """Of n scored predictions: the expected number of errors, the sum of the squares of the error probabilities, and
    the variance of the number of errors if they are independent."""

    n: int
    errors: float
    squares: float
    variance: float

    @property
    def accuracy(self) -> float:
        return 1.0 - self.errors / self.n if self.n else math.nan

    @property
    def sd(self) -> float:
        """Of the realised accuracy around the expected one."""
        return math.sqrt(self.variance) / self.n if self.n else math.nan


def expected_errors(scores: Int64, calibration: Float64 | None) -> Expected:
    """``scores`` int64[4, 256] as in :class:`tiltmeter.core.panes.answers.Answers`; ``calibration`` float64[256] is
    the probability of class 1 per bin. Without one the scores are taken at their word, by their sums, not by the
    middles of bins: for rare classes these would be biased."""
    n0, n1 = scores[N0], scores[N1]
    n = n0 + n1
    if calibration is None:
        p0, p1 = (_means(scores[total], count) for total, count in ((SUM0, n0), (SUM1, n1)))
    else:
        p0 = p1 = calibration
    wrong0, wrong1 = p0, 1.0 - p1
    errors = _dot(n0, wrong0) + _dot(n1, wrong1)
    squares = _dot(n0, wrong0**2) + _dot(n1, wrong1**2)
    return Expected(int(n.sum()), errors, squares, errors - squares)


def calibration_map(counts: Sequence[tuple[int, int, int]]) -> Float64 | None:
    """float64[256]: P(class 1) per bin from (bin, rows, rows of class 1), ascending; None without rows.

    Isotonic regression by pooling adjacent violators (Ayer et al. 1955); between bins that were seen, linear over
    bins; beyond them as at the nearest.
    """
    if not counts:
        return None
    blocks: list[list[int]] = []  # bins, rows, ones: rates ascend from block to block
    for _, rows, ones in counts:
        blocks.append([1, rows, ones])
        while len(blocks) > 1 and blocks[-2][2] * blocks[-1][1] >= blocks[-1][2] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [mine + theirs for mine, theirs in zip(blocks[-1], last, strict=True)]
    rates = [ones / rows for bins, rows, ones in blocks for _ in range(bins)]
    return np.interp(np.arange(BINS), [place for place, _, _ in counts], rates)


def calibration_margin(counts: Sequence[tuple[int, int, int]]) -> float:
    """How far the mean of what the map says may be from the truth, for a sample as small as this: 2.58 standard
    errors (99 %)."""
    n = sum(rows for _, rows, _ in counts)
    variance = math.fsum(rows * (ones / rows) * (1 - ones / rows) for _, rows, ones in counts)
    return 2.576 * math.sqrt(variance) / n if n else math.inf


def _means(sums: Int64, counts: Int64) -> Float64:
    return np.divide(sums / ONE, counts, out=np.zeros(counts.size), where=counts > 0)


def _dot(counts: Int64, values: Float64) -> float:
    """Not by BLAS, whose order of addition depends on the machine."""
    return math.fsum((counts * values).tolist())
