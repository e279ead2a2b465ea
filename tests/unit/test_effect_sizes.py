"""PSI, Jensen-Shannon and Wasserstein of a feature's window, against scipy on the raw values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from tiltmeter.core.drift.effect_sizes import effect_sizes
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature
from tiltmeter.core.reference_building.builder import build_reference

REFERENCE = np.random.default_rng(5).normal(size=20_000)
CATEGORIES = {"app": 500, "branch": 0, "web": 400}
CHANNEL = CategoricalFeature(CATEGORIES, other=100, missing=0)


def numeric() -> NumericFeature:
    profile = build_reference({"x": REFERENCE}, model="m", version="1").features["x"]
    assert isinstance(profile, NumericFeature)
    return profile


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_numbers_are_compared_in_ten_groups_and_moved_in_their_own_units(shift: float) -> None:
    window = np.random.default_rng(6).normal(shift, 1.0, 4_000).clip(REFERENCE.min(), REFERENCE.max())
    profile = numeric()
    sizes = effect_sizes(profile, FeatureCounts(bins=bin_counts(profile.edges, window)))
    assert sizes is not None
    assert sizes.rows == 4_000
    assert sizes.wasserstein == pytest.approx(wasserstein_distance(REFERENCE, window), abs=0.01)
    deciles = np.quantile(REFERENCE, np.arange(1, 10) / 10)
    ours, theirs = (np.bincount(np.searchsorted(deciles, v), minlength=10) for v in (REFERENCE, window))
    p, q = ours / ours.sum(), theirs / theirs.sum()
    assert sizes.jensen_shannon == pytest.approx(jensenshannon(p, q, base=2), abs=0.01)
    assert sizes.psi == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.05, abs=0.002)


def test_categories_are_compared_by_name_and_have_no_distance_to_move() -> None:
    sizes = effect_sizes(CHANNEL, FeatureCounts(categories={"web": 60, "app": 20, "new": 15, "newer": 5}))
    assert sizes is not None
    assert sizes.rows == 100
    assert sizes.wasserstein is None
    p, q = np.array([500, 0, 400, 100]) / 1_000, np.array([20, 0, 60, 20]) / 100
    assert sizes.jensen_shannon == pytest.approx(jensenshannon(p, q, base=2), abs=1e-12)
    halves = np.array([500.5, 0.5, 400.5, 100.5]) / 1_002, np.array([20.5, 0.5, 60.5, 20.5]) / 102
    assert sizes.psi == pytest.approx(((halves[1] - halves[0]) * np.log(halves[1] / halves[0])).sum())


def test_an_empty_window_has_no_effect_size() -> None:
    profile = numeric()
    assert effect_sizes(profile, FeatureCounts()) is None
    for empty, what in (
        (FeatureCounts(bins=np.zeros_like(profile.counts)), profile),
        (FeatureCounts(), CHANNEL),
    ):
        sizes = effect_sizes(what, empty)
        assert sizes is not None
        assert sizes.rows == 0
        assert np.isnan([sizes.psi, sizes.jensen_shannon]).all()


def test_a_window_like_its_reference_has_none_to_speak_of() -> None:
    profile = numeric()
    sizes = effect_sizes(profile, FeatureCounts(bins=profile.counts.copy()))
    assert sizes is not None
    assert (sizes.psi, sizes.jensen_shannon, sizes.wasserstein) == (0.0, 0.0, 0.0)
