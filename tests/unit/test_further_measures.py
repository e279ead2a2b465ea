"""Kullback-Leibler, Hellinger, chi-square, normal scores and the p-value of KS, against scipy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.special import rel_entr

from tiltmeter.core.drift.distances import coarsen, hellinger, kullback_leibler, psi
from tiltmeter.core.drift.further_measures import FurtherMeasures
from tiltmeter.core.drift.homogeneity import chi_square
from tiltmeter.core.drift.ks import KsBudget, KsDistance, ks_distance
from tiltmeter.core.drift.ks_p_value import ks_p_value
from tiltmeter.core.drift.normal_scores import normal_scores_z, two_sided_p_value
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram import atomic_mask, bin_counts, edges_from_reference
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.distribution import Distribution
from tiltmeter.events.columns import Float64, Int64

EMPTY = np.zeros(3, dtype=np.int64)
SOME = np.array([5, 0, 9])


def counts(seed: int, least: int = 0) -> tuple[Int64, Int64]:
    rng = np.random.default_rng(seed)
    reference, window = rng.integers(least, 60, 12), rng.integers(least, 60, 12)
    return reference, window


def total_variation(p: Int64, q: Int64) -> float:
    return float(np.abs(p / p.sum() - q / q.sum()).sum()) / 2


@pytest.mark.parametrize("seed", range(10))
def test_kullback_leibler_is_scipys_of_the_window_from_the_reference(seed: int) -> None:
    reference, window = counts(seed)
    p, q = ((c + 0.5) / (c + 0.5).sum() for c in (reference, window))
    assert kullback_leibler(reference, window) == pytest.approx(rel_entr(q, p).sum(), rel=1e-12)
    both = kullback_leibler(reference, window) + kullback_leibler(window, reference)
    assert psi(reference, window) == pytest.approx(both, rel=1e-12)


def test_kullback_leibler_weighs_what_is_new_more_than_what_is_gone() -> None:
    common, more = np.array([500, 500, 0]), np.array([400, 400, 200])
    assert 5 > kullback_leibler(common, more) > 3 * kullback_leibler(more, common) > 0


@pytest.mark.parametrize("seed", range(10))
def test_hellinger_is_a_metric_between_the_bounds_of_total_variation(seed: int) -> None:
    (a, b), (c, _) = counts(seed), counts(100 + seed)
    bhattacharyya = np.sqrt(a / a.sum() * (b / b.sum())).sum()
    assert hellinger(a, b) == pytest.approx(math.sqrt(1 - bhattacharyya), rel=1e-9)
    assert hellinger(a, b) == hellinger(b, a)
    assert hellinger(a, c) <= hellinger(a, b) + hellinger(b, c)
    assert hellinger(a, b) ** 2 <= total_variation(a, b) <= math.sqrt(2) * hellinger(a, b)


def test_hellinger_ends_at_zero_and_one() -> None:
    assert hellinger(SOME, 3 * SOME) == pytest.approx(0.0, abs=1e-8)
    assert hellinger(np.array([3, 0]), np.array([0, 7])) == 1.0
    almost = np.array([10**9, 10**9 + 2])  # 1 - sum sqrt(p q) would round to zero
    assert 0 < hellinger(np.array([10**9, 10**9]), almost) < 1e-9


@pytest.mark.parametrize("seed", range(10))
def test_chi_square_is_scipys(seed: int) -> None:
    reference, window = counts(seed, least=12)
    found = chi_square(3 * reference, window)
    expected = stats.chi2_contingency([3 * reference, window], correction=False)
    assert found is not None
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.degrees == expected.dof == 11


def test_groups_that_expect_few_rows_are_one_column() -> None:
    reference, window = np.array([3, 500, 2, 400, 0, 1, 94]), np.array([2, 40, 1, 60, 0, 0, 0])
    found = chi_square(reference, window)
    expected = stats.chi2_contingency([[500, 400, 94, 6], [40, 60, 0, 3]], correction=False)
    assert found is not None
    assert (found.degrees, expected.dof) == (3, 3)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_one_column_proves_nothing() -> None:
    for one in (np.array([7]), np.array([0, 400, 0]), np.array([1, 2, 1])):
        found = chi_square(one, one)
        assert found is not None
        assert (found.statistic, found.degrees, found.p_value) == (0.0, 0, 1.0)


def test_p_values_of_samples_of_one_population_are_uniform() -> None:
    """Also where many groups are rare."""
    rng = np.random.default_rng(4)
    shares = np.array([0.4, 0.3, 0.2, *[0.01] * 10])
    pairs = [(rng.multinomial(2_000, shares), rng.multinomial(700, shares)) for _ in range(1_500)]
    found = [chi_square(reference, window) for reference, window in pairs]
    assert stats.kstest([f.p_value for f in found if f is not None], "uniform").pvalue > 0.001
    normal = [two_sided_p_value(normal_scores_z(reference, window)) for reference, window in pairs]
    assert stats.kstest(normal, "uniform").pvalue > 0.001


Draw = Callable[[np.random.Generator, int, float], Float64]
VALUES: dict[str, Draw] = {
    "normal": lambda rng, n, shift: rng.normal(shift, 1.0, n),
    "heavy tail": lambda rng, n, shift: rng.standard_cauchy(n) + shift,
    "ties": lambda rng, n, shift: rng.poisson(3 + shift, n).astype(float),
    "mostly zero": lambda rng, n, shift: np.maximum(rng.normal(shift - 1, 1.0, n), 0.0),
}


def van_der_waerden(reference: Float64, window: Float64) -> float:
    """From raw values."""
    together = np.concatenate([reference, window])
    scores = stats.norm.ppf(stats.rankdata(together) / (together.size + 1))
    n, m = window.size, reference.size
    variance = m / (n * (n + m)) * scores.var(ddof=1)
    return float((scores[m:].mean() - scores.mean()) / math.sqrt(variance))


@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.1])
@pytest.mark.parametrize("draw", VALUES.values(), ids=VALUES)
def test_normal_scores_of_bins_are_nearly_those_of_values(draw: Draw, shift: float) -> None:
    rng = np.random.default_rng(6)
    reference, window = draw(rng, 8_000, 0.0), draw(rng, 2_000, shift)
    edges = edges_from_reference(reference)
    z = normal_scores_z(bin_counts(edges, reference), bin_counts(edges, window))
    assert z == pytest.approx(van_der_waerden(reference, window), rel=0.02, abs=0.1)
    assert abs(shift) < 0.2 or (z < 0) == (shift < 0)


def test_normal_scores_lose_nothing_against_the_means_of_normals() -> None:
    rng = np.random.default_rng(7)
    reference, window = rng.normal(size=20_000), rng.normal(0.1, 1.0, 5_000)
    edges = edges_from_reference(reference)
    z = normal_scores_z(bin_counts(edges, reference), bin_counts(edges, window))
    assert z == pytest.approx(stats.ttest_ind(window, reference).statistic, rel=0.05)
    window[0] = 1e300  # one value decides a mean, and no rank
    moved = normal_scores_z(bin_counts(edges, reference), bin_counts(edges, window))
    assert moved == pytest.approx(z, rel=0.01)


def test_the_variance_of_normal_scores_is_that_of_all_permutations() -> None:
    rng = np.random.default_rng(8)
    both = np.array([4, 9, 1, 12, 3])
    values = np.repeat(np.arange(5), both)
    z = []
    for _ in range(4_000):
        window = np.bincount(rng.permutation(values)[:11], minlength=5)
        z.append(normal_scores_z(both - window, window))
    assert np.mean(z) == pytest.approx(0.0, abs=0.05)
    assert np.var(z) == pytest.approx(1.0, abs=0.07)


def test_sides_change_the_sign_of_z() -> None:
    reference, window = counts(3)
    assert normal_scores_z(reference, window) == pytest.approx(-normal_scores_z(window, reference), rel=1e-9)
    assert normal_scores_z(reference, 2 * reference) == pytest.approx(0.0, abs=1e-9)
    assert normal_scores_z(np.array([0, 8, 0]), np.array([0, 5, 0])) == 0.0
    assert normal_scores_z(np.array([1]), np.array([1])) == 0.0


def test_a_p_value_of_z_has_two_sides() -> None:
    assert two_sided_p_value(1.96) == two_sided_p_value(-1.96) == pytest.approx(2 * stats.norm.sf(1.96))
    assert two_sided_p_value(0.0) == 1.0


@pytest.mark.parametrize("shift", [0.0, 0.03, 0.1])
def test_the_p_value_of_ks_lies_between_its_bounds(shift: float) -> None:
    rng = np.random.default_rng(9)
    reference, window = rng.normal(size=9_000), rng.normal(shift, 1.0, 3_000)
    edges = edges_from_reference(reference)
    distance = ks_distance(bin_counts(edges, reference), bin_counts(edges, window), atomic_mask(edges))
    low, high = ks_p_value(distance)
    exact = stats.ks_2samp(reference, window)
    asymptotic = stats.kstwobign.sf(exact.statistic * math.sqrt(9_000 * 3_000 / 12_000))
    assert low <= asymptotic <= high
    assert high == pytest.approx(stats.kstwobign.sf(distance.lower * math.sqrt(2_250)), rel=1e-9)
    assert 0.8 * low <= exact.pvalue <= 1.2 * high


def test_an_empty_side_has_no_measure() -> None:
    for pair in ((SOME, EMPTY), (EMPTY, SOME), (EMPTY, EMPTY)):
        assert np.isnan([kullback_leibler(*pair), hellinger(*pair), normal_scores_z(*pair)]).all()
        assert chi_square(*pair) is None
    assert np.isnan(ks_p_value(KsDistance(math.nan, math.nan, 0, 9))).all()


def of(profile: NumericFeature | CategoricalFeature, window: FeatureCounts) -> FurtherMeasures | None:
    distribution = Distribution(profile, KsBudget(100, 1))
    return distribution.further(window, distribution.drift(window, 1.0))


def test_a_feature_is_measured_in_the_groups_of_its_effect_sizes() -> None:
    rng = np.random.default_rng(10)
    values, window = rng.normal(size=5_000), rng.normal(0.2, 1.0, 1_000)
    profile = build_reference({"x": values}, model="m", version="1").features["x"]
    assert isinstance(profile, NumericFeature)
    bins = bin_counts(profile.edges, window)
    found, groups = of(profile, FeatureCounts(bins=bins)), coarsen(profile.counts, bins)
    assert found is not None
    assert found.rows == 1_000
    assert (found.hellinger, found.kullback_leibler) == (hellinger(*groups), kullback_leibler(*groups))
    assert found.chi_square == chi_square(*groups)
    assert found.normal_scores_z == normal_scores_z(profile.counts, bins)
    assert found.ks_p_value == ks_p_value(ks_distance(profile.counts, bins, atomic_mask(profile.edges)))
    assert of(profile, FeatureCounts()) is None
    nothing = of(profile, FeatureCounts(bins=np.zeros_like(bins)))
    assert nothing is not None
    assert (nothing.rows, nothing.chi_square) == (0, None)


def test_categories_have_no_order_and_new_ones_are_one_column() -> None:
    channel = CategoricalFeature({"app": 500, "web": 400}, other=100, missing=0)
    found = of(channel, FeatureCounts(categories={"web": 60, "app": 20, "new": 15, "newer": 5}))
    expected = stats.chi2_contingency([[500, 400, 100], [20, 60, 20]], correction=False)
    assert found is not None
    assert found.chi_square is not None
    assert found.chi_square.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert (found.ks_p_value, found.normal_scores_z) == (None, None)
    assert found.hellinger == hellinger(np.array([500, 400, 100]), np.array([20, 60, 20]))
