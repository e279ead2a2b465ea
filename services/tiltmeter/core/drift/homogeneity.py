"""Pearson's chi-square statistic of two samples, with its p-value: for gauges, nothing alarms on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from tiltmeter.events.columns import Int64

#: Smaller expected counts make the distribution of the statistic another one (Cochran 1954).
LEAST_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """``p_value``: probability of a larger statistic if window and reference are independent samples of one
    population."""

    statistic: float
    degrees: int
    p_value: float


def chi_square(reference: Int64, window: Int64) -> ChiSquare | None:
    """Homogeneity of int64[B] counts, one column per bin (Pearson 1900, 1911); None if a side is empty.

    Bins in which either side expects fewer than five rows are put together, wherever they lie: the p-value is that of
    chi-square with one degree of freedom fewer than there are columns, an approximation. One column alone: statistic
    0, p-value 1. The statistic grows with the rows, so it says how surely two samples differ, and not by how much.
    """
    m, n = int(reference.sum()), int(window.sum())
    if m == 0 or n == 0:
        return None
    columns = np.stack([reference, window])
    both = columns.sum(axis=0)
    rare = both * (min(m, n) / (m + n)) < LEAST_EXPECTED
    if rare.any():
        columns = np.column_stack([columns[:, ~rare], columns[:, rare].sum(axis=1)])
        columns = columns[:, columns.any(axis=0)]
        both = columns.sum(axis=0)
    # of both rows of a column together: (w m - r n)² / (m n (w + r))
    apart = columns[1] / n - columns[0] / m
    statistic = math.fsum((apart * apart / both).tolist()) * m * n
    degrees = both.size - 1
    return ChiSquare(statistic, degrees, float(chdtrc(degrees, statistic)) if degrees else 1.0)
