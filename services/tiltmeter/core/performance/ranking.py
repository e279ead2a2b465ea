"""How well scores rank positives above negatives, from the two histograms of a window, with proved bounds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.events.columns import Float64


class Bracket(NamedTuple):
    """``low`` ≤ the metric of the raw scores ≤ ``high``; ``estimate`` lies between. All NaN where undefined."""

    low: float
    estimate: float
    high: float


_UNDEFINED = Bracket(math.nan, math.nan, math.nan)


def roc_auc(scores: ScoreCounts) -> Bracket:
    """Area under the ROC curve: the share of (positive, negative) pairs in the right order, ties counting half.

    Of pairs in different bins the order is known, of pairs in one bin it is not, and half of them is taken:
    |error| ≤ sum_b h+_b h-_b / (2 n+ n-). On logit bins this is below 1e-4 for scores with a density. In
    integers up to the last division. NaN without both classes.
    """
    negatives, positives = scores.negatives.tolist(), scores.positives.tolist()
    pairs = sum(negatives) * sum(positives)
    if not pairs:
        return _UNDEFINED
    below = right = unknown = 0
    for negative, positive in zip(negatives, positives, strict=True):
        right += positive * below
        unknown += positive * negative
        below += negative
    return Bracket(right / pairs, (2 * right + unknown) / (2 * pairs), (right + unknown) / pairs)


def average_precision(scores: ScoreCounts) -> Bracket:
    """Area under the precision-recall curve as sum of (R_n - R_{n-1}) P_n over descending thresholds: the mean, over
    positives, of the precision at the positive's own score.

    With T positives and F negatives in higher bins, p and q in this one: the j-th positive of the bin has at
    least T + j positives at or above it and at most F + q negatives; at most T + p and at least F. That
    gives the bracket. The estimate takes the bin as evenly mixed, with F + q (j - 1/2) / p. NaN without
    positives.
    """
    positives = scores.positives[::-1].astype(np.float64)
    negatives = scores.negatives[::-1].astype(np.float64)
    count = float(positives.sum())
    if not count:
        return _UNDEFINED
    used = positives > 0
    p, q = positives[used], negatives[used]
    t, f = (np.cumsum(positives) - positives)[used], (np.cumsum(negatives) - negatives)[used]
    zero, rise = np.zeros_like(q), q / p
    terms = (_sum(t, p, f + q, zero), _sum(t, p, f - rise / 2, rise), p * (t + p) / (t + p + f))
    low, estimate, high = (math.fsum(term.tolist()) / count for term in terms)
    low = min(low, high)  # equal but for rounding where a bin cannot be mixed
    return Bracket(low, min(max(estimate, low), high), high)


def _sum(t: Float64, p: Float64, wrong: Float64, rise: Float64) -> Float64:
    """sum over j = 1..p of (t + j) / (t + j + wrong + rise j), by the digamma function: with r = 1 + rise and
    s = (t + wrong) / r it is (p + (t - s) (ψ(p + s + 1) - ψ(s + 1))) / r."""
    r = 1.0 + rise
    s = (t + wrong) / r
    return np.asarray((p + (t - s) * (digamma(p + s + 1.0) - digamma(s + 1.0))) / r, dtype=np.float64)


def separation(scores: ScoreCounts) -> float:
    """KS distance between the scores of positives and negatives at the borders of bins: at most the true one, and
    short of it by at most what the fullest bin holds. NaN without both classes."""
    negatives, positives = scores.negatives, scores.positives
    if not negatives.any() or not positives.any():
        return math.nan
    apart = np.cumsum(negatives) / negatives.sum() - np.cumsum(positives) / positives.sum()
    return float(np.abs(apart).max())
