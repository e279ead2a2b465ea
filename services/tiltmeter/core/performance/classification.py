"""Classification metrics from confusion counts and sums: ratios of sums, never means of ratios; undefined is NaN."""

from __future__ import annotations

import math

from tiltmeter.core.panes.bounded_classes import OTHER
from tiltmeter.core.panes.fixed_point import real
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance.class_counts import ClassCounts, ClassScores

#: The positive class of a binary model.
POSITIVE = "1"


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def accuracy(outcomes: Outcomes) -> float:
    """Share of correct classes."""
    return ratio(outcomes.correct, outcomes.classified)


def classes(outcomes: Outcomes) -> list[str]:
    """All classes predicted or seen, sorted."""
    return sorted({name for pair in outcomes.confusion for name in pair})


def precision_recall_f1(outcomes: Outcomes) -> ClassScores:
    """Of the positive class for a model whose classes are 0 and 1, macro-averaged otherwise.

    Labels that its reference does not know (folded into "(other)") leave a binary model binary. The macro average
    counts a class that was never predicted (no precision) or never true (no recall) as 0, as scikit-learn does
    with ``zero_division=0``.
    """
    counts = ClassCounts.of(outcomes)
    if set(counts.names) <= {"0", POSITIVE, OTHER}:
        return counts.scores(POSITIVE)
    return counts.macro()


def log_loss(outcomes: Outcomes) -> float:
    """Mean of -ln(probability of the true class), natural logarithm, probabilities clipped at 1e-15."""
    return ratio(real(outcomes.sum("log_loss")), outcomes.sum("scored"))


def brier_score(outcomes: Outcomes) -> float:
    """Mean squared distance between the score of the positive class and the label."""
    return ratio(real(outcomes.sum("brier")), outcomes.sum("scored"))
