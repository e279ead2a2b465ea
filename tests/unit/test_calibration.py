"""Calibration, log loss and Brier score against their definitions on the raw scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from tiltmeter.core.counting.fill_outcomes import add_classified
from tiltmeter.core.join.rows import PREDICTION
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.core.performance import calibration, classification

STEP = 2**-20


def outcomes_of(scores: np.ndarray, positive: np.ndarray) -> Outcomes:
    rows = np.zeros(scores.size, dtype=PREDICTION)
    rows["score"], rows["label"] = scores, np.where(scores > 0.5, b"1", b"0")
    made = Outcomes(n=scores.size)
    add_classified(
        made, rows, np.where(positive, b"1", b"0"), np.ones(scores.size, dtype=bool), reference=None
    )
    return made


@pytest.mark.parametrize("seed", range(10))
def test_losses_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.beta(0.3, 0.5, 800), 1e-14, 1 - 1e-14)
    positive = rng.random(800) < scores
    made = outcomes_of(scores, positive)
    assert classification.log_loss(made) == pytest.approx(log_loss(positive, scores), abs=STEP)
    assert classification.brier_score(made) == pytest.approx(brier_score_loss(positive, scores), abs=STEP)
    assert calibration.in_the_large(made.scores) == pytest.approx((scores - positive).mean(), abs=STEP)
    place = np.searchsorted(np.arange(1, 15) / 15, scores)
    gaps = [abs((scores - positive)[place == b].sum()) for b in range(15)]
    assert calibration.expected_calibration_error(made.scores) == pytest.approx(sum(gaps) / 800, abs=STEP)


def test_scores_that_are_no_probabilities_count_nowhere() -> None:
    made = outcomes_of(np.array([math.nan, -0.1, 1.5, math.inf, 0.25]), np.array([True] * 5))
    assert (made.classified, made.sum("scored"), made.scores.n) == (5, 1, 1)
    assert calibration.in_the_large(made.scores) == -0.75


def test_certain_scores_are_capped_where_detectors_look() -> None:
    made = outcomes_of(np.array([0.0, 1.0, 1.0]), np.array([True, False, True]))
    one = 1 << 20
    assert (made.sum("capped_log_loss"), made.sum("squared_capped_log_loss")) == (2 * one, 2 * one)
    assert (made.sum("brier"), made.sum("squared_brier"), made.sum("clipped")) == (2 * one, 2 * one, 2)


def test_without_scores_nothing_is_defined() -> None:
    assert math.isnan(calibration.in_the_large(ScoreCounts()))
    assert math.isnan(calibration.expected_calibration_error(ScoreCounts()))
    assert calibration.reliability(ScoreCounts()) == []


def test_a_calibrated_model_shows_an_error_and_is_well_calibrated_in_the_large() -> None:
    """Why the expected calibration error never alarms: nothing is wrong here, and with few labels it is large."""
    rng = np.random.default_rng(5)
    shown = []
    for n in (200, 10_000):
        scores = rng.random(n)
        made = ScoreCounts.of(scores, rng.random(n) < scores)
        shown.append(calibration.expected_calibration_error(made))
        assert abs(calibration.in_the_large(made)) < 3 * 0.41 / math.sqrt(n)
        assert sum(point.labels for point in calibration.reliability(made)) == n
    assert shown[0] > 0.04
    assert shown[1] < 0.02
