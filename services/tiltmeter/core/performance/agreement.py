"""How much classes agree beyond chance, from the margins of the confusion matrix.

Over classes that were folded together chance agreement is larger than over the classes apart: kappa is then a
lower bound, the correlation an approximation.
"""

from __future__ import annotations

import math

from tiltmeter.core.performance.class_counts import ClassCounts


def matthews_correlation(counts: ClassCounts) -> float:
    """R_K: the correlation of predicted and true class, for any number of classes (Gorodkin 2004); for two it is
    Matthews' phi. NaN where one side is constant."""
    n, right = counts.n, sum(counts.right)
    chance = sum(p * a for p, a in zip(counts.predicted, counts.actual, strict=True))
    spread = (n * n - sum(p * p for p in counts.predicted)) * (n * n - sum(a * a for a in counts.actual))
    return (right * n - chance) / math.sqrt(spread) if spread > 0 else math.nan


def kappa(counts: ClassCounts) -> float:
    """Cohen's kappa: agreement beyond chance over the most there could be (Cohen 1960). NaN where both sides are
    one and the same class."""
    n, right = counts.n, sum(counts.right)
    chance = sum(p * a for p, a in zip(counts.predicted, counts.actual, strict=True))
    return (right * n - chance) / (n * n - chance) if n * n > chance else math.nan


def balanced_accuracy(counts: ClassCounts) -> float:
    """Mean recall of the classes that are true at least once."""
    recalls = [right / actual for right, actual in zip(counts.right, counts.actual, strict=True) if actual]
    return math.fsum(recalls) / len(recalls) if recalls else math.nan
