"""How far the joint distribution of scores is from the reference's: maximum mean discrepancy. A heuristic, no
guarantee; nothing alarms on it.

MMD² = |E z(X) - E z(Y)|², with z a row's embedding, is 0 for equal distributions and grows with their difference as
the Gaussian kernel sees it (Gretton et al., "A kernel two-sample test", JMLR 13, 2012; random features as in
``reference.embedding_profile``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tiltmeter.core.panes.embedding_counts import FREQUENCIES, ONE, EmbeddingCounts
from tiltmeter.events.columns import Float64


@dataclass(frozen=True, slots=True)
class MeanDiscrepancy:
    """``rows`` of the window; ``mmd`` ≥ 0, NaN with fewer than two rows on either side."""

    rows: int
    mmd: float


def mean_discrepancy(window: EmbeddingCounts, reference: EmbeddingCounts) -> MeanDiscrepancy:
    """sqrt(max(U, 0)) of the unbiased estimate of MMD² (Gretton et al. 2012, equation 3), from sums alone.

    Every |z(x)| is 1, so with u the mean of n rows the mean of z(x)·z(x') over pairs of different rows is
    (n |u|² - 1) / (n - 1); with v of the reference's m rows, U = (n |u|² - 1) / (n - 1) + (m |v|² - 1) / (m - 1) -
    2 u·v. The biased |u - v|² would never be below about 1/n. Cosines rounded to 2**-14 make |z|² stray from 1 by at
    most 2**-13, and U by that over n - 1. Equal distributions give 0 about half of the time. Rows that come in copies
    are fewer than n, and U is the larger for it.
    """
    n, m = window.rows, reference.rows
    if n < 2 or m < 2:
        return MeanDiscrepancy(n, math.nan)
    u, v = _mean(window), _mean(reference)
    within = (n * float(np.sum(u * u)) - 1.0) / (n - 1) + (m * float(np.sum(v * v)) - 1.0) / (m - 1)
    return MeanDiscrepancy(n, math.sqrt(max(within - 2.0 * float(np.sum(u * v)), 0.0)))


def _mean(counts: EmbeddingCounts) -> Float64:
    """float64[256], scaled so that a single row has length 1."""
    mean: Float64 = counts.sums / (counts.rows * ONE * math.sqrt(FREQUENCIES))
    return mean
