"""Do scores mean what they say? From the reliability table of 15 equal-width bins."""

from __future__ import annotations

import math
from typing import NamedTuple

from tiltmeter.core.panes.fixed_point import ONE, real
from tiltmeter.core.panes.score_counts import ScoreCounts


class ReliabilityPoint(NamedTuple):
    """Of one bin that is not empty: labels, mean score, share of positives."""

    labels: int
    mean_score: float
    positive_ratio: float


def in_the_large(scores: ScoreCounts) -> float:
    """Mean of score - label: above zero the model promises more positives than come. Unbiased. NaN without scores."""
    labels, predicted, positive = (int(row.sum()) for row in scores.reliability)
    return real(predicted - positive * ONE) / labels if labels else math.nan


def expected_calibration_error(scores: ScoreCounts) -> float:
    """Mean over labels of |mean score - share of positives| of the bin (Guo et al. 2017). NaN without scores.

    Biased upwards: a perfectly calibrated model has about .08 with 200 labels, .03 with 1,000, .01 with 10,000.
    To be looked at, never to alarm on.
    """
    n, gap = 0, 0
    for labels, predicted, positive in scores.reliability.T.tolist():
        n, gap = n + labels, gap + abs(predicted - positive * ONE)
    return real(gap) / n if n else math.nan


def reliability(scores: ScoreCounts) -> list[ReliabilityPoint]:
    """The points of a reliability diagram, by ascending score."""
    return [
        ReliabilityPoint(labels, real(predicted) / labels, positive / labels)
        for labels, predicted, positive in scores.reliability.T.tolist()
        if labels
    ]
