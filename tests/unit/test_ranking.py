"""Ranking metrics from histograms: scikit-learn's, on the raw scores, lies within the bracket."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import average_precision_score, roc_auc_score

from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.core.performance.ranking import average_precision, roc_auc, separation

CASES = int(os.environ.get("TILTMETER_FUZZ_CASES", "300"))
#: What a sum of rounded terms may be off.
ROUNDING = 1e-12


def scored(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores of every kind: informative or not, tied, crowded into a bin, at the ends, few of a class."""
    n = int(rng.choice([2, 3, 10, 200, 2_000]))
    positive = rng.random(n) < rng.choice([0.5, 0.1, 0.01])
    positive[0], positive[-1] = True, False
    logit = rng.normal(rng.choice([-6, 0, 3]) + rng.choice([0, 1, 4]) * positive, rng.choice([0.01, 1, 5]))
    scores = 1 / (1 + np.exp(-logit))
    if rng.random() < 0.3:
        scores = np.round(scores, int(rng.integers(0, 4)))
    if rng.random() < 0.2:
        scores[rng.random(n) < 0.3] = rng.choice([0.0, 1.0, 0.5])
    return scores, positive


@pytest.mark.parametrize(
    "metric", [(roc_auc, roc_auc_score), (average_precision, average_precision_score)], ids=["roc", "pr"]
)
def test_the_metric_of_the_raw_scores_is_within_the_bracket(metric: tuple) -> None:
    ours, theirs = metric
    for seed in range(CASES):
        scores, positive = scored(np.random.default_rng(seed))
        low, estimate, high = ours(ScoreCounts.of(scores, positive))
        truth = theirs(positive, scores)
        assert low - ROUNDING <= truth <= high + ROUNDING, f"seed {seed}"
        assert 0 <= low <= estimate <= high <= 1 + ROUNDING, f"seed {seed}"


def test_with_one_score_per_bin_nothing_is_lost() -> None:
    rng = np.random.default_rng(0)
    levels = 1 / (1 + np.exp(-np.arange(-5, 6)))
    scores, positive = rng.choice(levels, 3_000), rng.random(3_000) < 0.4
    counts = ScoreCounts.of(scores, positive)
    assert roc_auc(counts).estimate == pytest.approx(roc_auc_score(positive, scores), abs=1e-14)
    assert separation(counts) == pytest.approx(ks_2samp(scores[positive], scores[~positive]).statistic)


@pytest.mark.parametrize("prevalence", [0.5, 0.01, 0.001])
def test_the_error_is_small_also_where_positives_are_rare(prevalence: float) -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(200_000) < prevalence
    logit = rng.normal(2.0 * positive, 1.0) + math.log(prevalence / (1 - prevalence))
    scores = 1 / (1 + np.exp(-logit))
    auc = roc_auc(ScoreCounts.of(scores, positive))
    assert auc.estimate == pytest.approx(roc_auc_score(positive, scores), abs=5e-4)
    assert auc.high - auc.low < 0.02
    precision = average_precision(ScoreCounts.of(scores, positive))
    assert precision.estimate == pytest.approx(average_precision_score(positive, scores), rel=0.01)


def test_the_separation_of_binned_scores_is_never_too_large() -> None:
    for seed in range(CASES // 3):
        scores, positive = scored(np.random.default_rng(seed))
        counts = ScoreCounts.of(scores, positive)
        below = [
            np.searchsorted(np.sort(scores[of]), scores, "right") / of.sum() for of in (positive, ~positive)
        ]
        truth = np.abs(below[0] - below[1]).max()
        fullest = max(counts.positives.max() / positive.sum(), counts.negatives.max() / (~positive).sum())
        assert truth - fullest - ROUNDING <= separation(counts) <= truth + ROUNDING, f"seed {seed}"


@pytest.mark.parametrize("positive", [True, False])
def test_one_class_alone_ranks_nothing(positive: bool) -> None:
    counts = ScoreCounts.of(np.array([0.1, 0.9]), np.array([positive] * 2))
    assert all(math.isnan(value) for value in roc_auc(counts))
    assert math.isnan(separation(counts))
    if positive:
        assert average_precision(counts) == (1.0, 1.0, 1.0)
    else:
        assert all(math.isnan(value) for value in average_precision(counts))
    assert all(math.isnan(value) for value in roc_auc(ScoreCounts()))
