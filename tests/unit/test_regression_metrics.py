"""Regression metrics from sums, against scikit-learn and scipy on the raw numbers."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn import metrics

from tiltmeter.core.counting.fill_outcomes import add_measured
from tiltmeter.core.join.rows import PREDICTION
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance import regression
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.reference_building.builder import RESIDUAL_BINS, build_reference


def measured(predicted: np.ndarray, actual: np.ndarray, reference: Performance | None = None) -> Outcomes:
    rows = np.zeros(predicted.size, dtype=PREDICTION)
    rows["value"] = predicted
    made = Outcomes(n=predicted.size)
    add_measured(made, rows, actual, np.ones(predicted.size, dtype=bool), reference, loss_scale=1.0)
    return made


def reference_of(predicted: np.ndarray, actual: np.ndarray) -> Performance:
    profile = build_reference(
        {}, model="m", version="1", predictions=predicted, labels=actual, task="regression"
    )
    assert profile.performance is not None
    return profile.performance


@pytest.mark.parametrize("seed", range(5))
def test_every_metric_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual = rng.normal(50, 10, 400)
    predicted = actual + rng.standard_t(2, 400)
    made = measured(predicted, actual)
    near = {"rel": 1e-6, "abs": 1e-5}
    assert regression.mae(made) == pytest.approx(metrics.mean_absolute_error(actual, predicted), **near)
    assert regression.rmse(made) == pytest.approx(metrics.root_mean_squared_error(actual, predicted), **near)
    assert regression.r2(made) == pytest.approx(metrics.r2_score(actual, predicted), **near)
    for quantile in (0.05, 0.5, 0.9, 1.0):
        expected = metrics.mean_pinball_loss(actual, predicted, alpha=quantile)
        assert regression.pinball_loss(made, quantile) == pytest.approx(expected, **near)


def test_residuals_are_compared_over_the_bins_of_the_reference() -> None:
    rng = np.random.default_rng(7)
    actual = rng.normal(size=20_000)
    then, now = rng.normal(0, 1, 20_000), rng.normal(0.3, 1.2, 5_000)
    reference = reference_of(actual + then, actual)
    made = measured(actual[:5_000] + now, actual[:5_000], reference)
    truth = ks_2samp(then, now).statistic
    assert truth - 1 / RESIDUAL_BINS <= regression.residual_ks(made, reference) <= truth + 1e-9
    same = measured(actual + then, actual, reference)
    assert regression.residual_ks(same, reference) == 0.0
    same.add(made)
    same.add(made, sign=-1)
    assert regression.residual_ks(same, reference) == 0.0


def test_residuals_of_a_perfect_model_are_one_atom() -> None:
    actual = np.arange(100.0)
    reference = reference_of(actual, actual)
    assert regression.residual_ks(measured(actual, actual, reference), reference) == 0.0
    assert regression.residual_ks(measured(actual + 1, actual, reference), reference) == 1.0


def test_absurd_errors_are_counted_in_the_outer_bins() -> None:
    reference = reference_of(np.linspace(-1, 1, 500), np.zeros(500))
    made = measured(np.array([1.7e308, -1.7e308]), np.array([-1.7e308, 1.7e308]), reference)
    assert made.residuals == {0: 1, len(reference.residual_edges): 1}
    assert made.sum("capped_error") == 0
    assert made.sum("capped_loss") == 2 << 20


def test_labels_are_counted_over_the_bins_of_the_reference_s_labels() -> None:
    rng = np.random.default_rng(8)
    actual, now = rng.normal(50, 10, 20_000), rng.normal(55, 10, 3_000)
    now[:2] = -1e300, 1e300
    reference = reference_of(actual + 1, actual)
    predicted = now.copy()
    predicted[5] = math.nan  # labelled and not scored: in no sum, so in no bin
    made = measured(predicted, now, reference)
    places = (bisect_left(reference.label_edges, label) for label in np.delete(now, 5).tolist())
    assert made.targets == Counter(places)
    assert sum(made.targets.values()) == made.sum("scored") == 2_999
    assert {0, len(reference.label_edges)} <= made.targets.keys()


def test_without_counted_labels_in_the_reference_none_are_counted() -> None:
    bare = Performance("regression", labelled=1, cap=4.0)
    assert measured(np.ones(3), np.zeros(3), bare).targets == {}
    assert measured(np.ones(3), np.zeros(3)).targets == {}


def test_without_residuals_the_distance_is_undefined() -> None:
    reference = reference_of(np.arange(9.0), np.zeros(9))
    assert math.isnan(regression.residual_ks(Outcomes(), reference))
    known_bins = Outcomes(residuals={0: 5})
    assert math.isnan(regression.residual_ks(known_bins, Performance("regression")))
    assert math.isnan(regression.residual_ks(Outcomes(residuals={500: 1}), reference))
    assert math.isnan(regression.pinball_loss(Outcomes(), 0.5))
