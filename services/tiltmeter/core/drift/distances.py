"""Effect sizes for gauges: PSI, Kullback-Leibler, Jensen-Shannon, Hellinger, Wasserstein-1. Nothing alarms on them.

All are biased upward by chance: with no drift at all PSI is about (B - 1)(1/n + 1/m), the Kullback-Leibler divergence
half of that, the squared Hellinger distance an eighth, and the Jensen-Shannon divergence (B - 1)(1/n + 1/m) /
(8 ln 2). With 256 bins and 1,000 rows PSI is .26, "drift" by the folklore threshold of .2. Their thresholds were made
for ten bins, so :func:`coarsen` first.
"""

from __future__ import annotations

import math

import numpy as np

from tiltmeter.events.columns import Float64, Int64

#: Added to every bin before a logarithm is taken (Jeffreys' prior): an empty bin is rare, not impossible.
_PSEUDO_COUNT = 0.5


def coarsen(reference: Int64, window: Int64, groups: int = 10) -> tuple[Int64, Int64]:
    """Neighbouring bins of int64[B] joined into at most ``groups`` groups of nearly equal reference mass.

    A bin goes where its middle lies, so an atom heavier than a group keeps a group of its own.
    """
    m = int(reference.sum())
    if m == 0 or reference.size <= groups:
        return reference, window
    middle = 2 * reference.cumsum() - reference  # twice the rank of the bin's middle, in integers
    place = np.minimum(middle * groups // (2 * m), groups - 1)
    starts = np.concatenate([[0], np.flatnonzero(place[1:] != place[:-1]) + 1])
    return np.add.reduceat(reference, starts), np.add.reduceat(window, starts)


def psi(reference: Int64, window: Int64) -> float:
    """Population stability index of int64[B] counts: sum (p_w - p_r) ln(p_w / p_r), in nats; NaN if a side is
    empty.

    It is the symmetrised Kullback-Leibler divergence, KL(w, r) + KL(r, w), of the shares with half a count
    added per bin.
    """
    if not (reference.any() and window.any()):
        return math.nan
    p, q = _smoothed(reference), _smoothed(window)
    return math.fsum(((q - p) * np.log(q / p)).tolist())


def kullback_leibler(reference: Int64, window: Int64) -> float:
    """KL(w || r) = sum p_w ln(p_w / p_r) of int64[B] counts, in nats (Kullback & Leibler 1951): what is lost by
    taking the reference for the window; NaN if a side is empty.

    Half a count is added per bin, as for :func:`psi`: without it one row in a bin that is new makes it infinite.
    Large where the window holds what the reference hardly knows; what the window lacks counts for little.
    """
    if not (reference.any() and window.any()):
        return math.nan
    p, q = _smoothed(reference), _smoothed(window)
    return max(math.fsum((q * np.log(q / p)).tolist()), 0.0)


def _smoothed(counts: Int64) -> Float64:
    shares: Float64 = (counts + _PSEUDO_COUNT) / (counts.sum() + _PSEUDO_COUNT * counts.size)
    return shares


def hellinger(reference: Int64, window: Int64) -> float:
    """Hellinger distance of int64[B] counts, sqrt(sum (sqrt p_w - sqrt p_r)² / 2), in [0, 1]; NaN if a side is empty.
    A metric, with H² ≤ total variation ≤ sqrt(2) H. Empty bins need no correction."""
    if not (reference.any() and window.any()):
        return math.nan
    apart = np.sqrt(window / window.sum()) - np.sqrt(reference / reference.sum())
    return min(math.sqrt(float(apart @ apart) / 2.0), 1.0)


def jensen_shannon(reference: Int64, window: Int64) -> float:
    """Jensen-Shannon distance of int64[B] counts, base 2: the root of the divergence, in [0, 1] (Endres &
    Schindelin 2003); NaN if a side is empty. Empty bins need no correction."""
    if not (reference.any() and window.any()):
        return math.nan
    p, q = reference / reference.sum(), window / window.sum()
    middle = (p + q) / 2.0
    divergence = (_entropy_terms(p, middle) + _entropy_terms(q, middle)) / 2.0
    return math.sqrt(min(max(divergence, 0.0), 1.0))


def _entropy_terms(p: Float64, middle: Float64) -> float:
    held = p > 0
    return math.fsum((p[held] * np.log2(p[held] / middle[held])).tolist())


def wasserstein(edges: Float64, reference: Int64, window: Int64, minimum: float, maximum: float) -> float:
    """Wasserstein-1 distance, the integral of |F_w - F_r|, in units of the feature; NaN if a side is empty.

    ``edges`` float64[E], counts int64[E+1]; ``minimum`` and ``maximum`` of the reference close the outer
    bins. Approximation: F_w - F_r runs straight between edges. The error is at most sum_j width_j (p_r,j +
    p_w,j) for values inside [minimum, maximum]; a value outside counts as if it lay at the border, so drift
    far into a tail is understated (the out-of-range rate shows it).
    """
    if not (reference.any() and window.any()) or not minimum <= maximum:
        return math.nan
    points = np.concatenate([[minimum], np.clip(edges, minimum, maximum), [maximum]])
    difference = np.cumsum(window) / window.sum() - np.cumsum(reference) / reference.sum()
    left, right = np.concatenate([[0.0], difference[:-1]]), difference
    size = np.abs(left) + np.abs(right)
    crossing = left * right < 0
    mean = size / 2.0
    if crossing.any():
        mean[crossing] = (left[crossing] ** 2 + right[crossing] ** 2) / (2.0 * size[crossing])
    return float(((points[1:] - points[:-1]) * mean).sum())
