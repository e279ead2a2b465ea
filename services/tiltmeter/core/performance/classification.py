"""Classification metrics from confusion counts: ratios of sums, never means of ratios; undefined is NaN."""

from __future__ import annotations

import math

from tiltmeter.core.panes.fixed_point import real
from tiltmeter.core.panes.outcomes import Outcomes

#: The positive class of a binary model.
POSITIVE = "1"


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def accuracy(outcomes: Outcomes) -> float:
    """Share of correct classes."""
    return ratio(outcomes.correct, outcomes.classified)


def classes(outcomes: Outcomes) -> list[str]:
    """All classes predicted or seen, sorted."""
    return sorted({name for cell in outcomes.confusion for name in cell})


def precision_recall_f1(outcomes: Outcomes) -> tuple[float, float, float]:
    """Of the positive class for a model whose classes are 0 and 1, macro-averaged otherwise.

    The macro average counts a class that was never predicted (no precision) or never true (no recall) as 0, as
    scikit-learn does with ``zero_division=0``.
    """
    names = classes(outcomes)
    if not names:
        return math.nan, math.nan, math.nan
    if set(names) <= {"0", POSITIVE}:
        return _of_class(outcomes, POSITIVE, undefined=math.nan)
    triples = [_of_class(outcomes, name, undefined=0.0) for name in names]
    precision, recall, f1 = (math.fsum(values) / len(names) for values in zip(*triples, strict=True))
    return precision, recall, f1


def _of_class(outcomes: Outcomes, name: str, undefined: float) -> tuple[float, float, float]:
    hit = outcomes.confusion.get((name, name), 0)
    predicted = sum(n for (said, _), n in outcomes.confusion.items() if said == name)
    actual = sum(n for (_, truth), n in outcomes.confusion.items() if truth == name)
    precision = hit / predicted if predicted else undefined
    recall = hit / actual if actual else undefined
    f1 = 2 * hit / (predicted + actual) if predicted + actual else undefined
    return precision, recall, f1


def log_loss(outcomes: Outcomes) -> float:
    """Mean of -ln(probability of the true class), natural logarithm, probabilities clipped at 1e-15."""
    return ratio(real(outcomes.sum("log_loss")), outcomes.sum("scored"))


def brier_score(outcomes: Outcomes) -> float:
    """Mean squared distance between the score of the positive class and the label."""
    return ratio(real(outcomes.sum("brier")), outcomes.sum("scored"))
