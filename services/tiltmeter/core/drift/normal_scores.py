"""How far the window's mean lies from the reference's, in standard errors: for gauges, nothing alarms on it."""

from __future__ import annotations

import math

from scipy.special import ndtr, ndtri

from tiltmeter.events.columns import Int64


def normal_scores_z(reference: Int64, window: Int64) -> float:
    """Van der Waerden's statistic (1952), standardised: z of the window's mean normal score; above 0 the window's
    values are the larger ones. NaN if a side is empty, 0 if all values are in one bin.

    Panes hold no means: a mean is what one value of 1e300 says it is. Of int64[B] counts over the same edges, each
    row's value becomes ndtri(rank / (N + 1)), its mean rank among all N = n + m rows of both sides, rows of one bin
    being ties. Given these scores a_j of bins with t_j rows, the mean of n of the N rows drawn without replacement
    has expectation mean(a) and variance m / (n N (N - 1)) sum t_j (a_j - mean(a))², exactly; z is standard normal for
    many rows. For a shift of normals nothing is lost against the z-test of their means (Chernoff & Savage 1958).
    """
    n, m = int(window.sum()), int(reference.sum())
    if n == 0 or m == 0:
        return math.nan
    both = reference + window
    ranks = both.cumsum() - (both - 1) / 2.0
    scores = ndtri(ranks / (n + m + 1.0))
    scores -= float(both @ scores) / (n + m)
    variance = float(both @ (scores * scores)) * m / (n * (n + m) * (n + m - 1.0))
    return float(window @ scores) / n / math.sqrt(variance) if variance > 0 else 0.0


def two_sided_p_value(z: float) -> float:
    """Of a standard normal."""
    return 2.0 * float(ndtr(-abs(z)))
