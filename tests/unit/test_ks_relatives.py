"""Distances beside KS: scipy is the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, wasserstein_distance

from tiltmeter.core.drift.categorical import aligned_counts, at_least, categorical_distance
from tiltmeter.core.drift.distances import coarsen, jensen_shannon, psi, wasserstein
from tiltmeter.core.drift.ks import KsBudget
from tiltmeter.core.panes.histogram import bin_counts, edges_from_reference


def counts(seed: int, size: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference, window = rng.integers(0, 50, size), rng.integers(0, 50, size)
    reference[rng.integers(size)] = window[rng.integers(size)] = 0
    return reference, window


@pytest.mark.parametrize("seed", range(10))
def test_psi_is_both_kullback_leibler_divergences_added(seed: int) -> None:
    reference, window = counts(seed)
    p, q = reference + 0.5, window + 0.5  # entropy() normalises
    assert psi(reference, window) == pytest.approx(entropy(q, p) + entropy(p, q), rel=1e-12)


def test_psi_of_a_mean_shift_is_the_square_of_the_shift() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=200_000)
    edges = edges_from_reference(reference)
    for shift, expected in ((0.2, 0.038), (0.5, 0.238)):
        window = bin_counts(edges, rng.normal(shift, size=200_000))
        assert psi(*coarsen(bin_counts(edges, reference), window)) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("seed", range(10))
def test_jensen_shannon_is_scipys(seed: int) -> None:
    reference, window = counts(seed)
    assert jensen_shannon(reference, window) == pytest.approx(
        jensenshannon(reference, window, base=2), rel=1e-9
    )


def test_jensen_shannon_ends_at_zero_and_one() -> None:
    assert jensen_shannon(np.array([3, 0]), np.array([7, 0])) == 0.0
    assert jensen_shannon(np.array([3, 0]), np.array([0, 7])) == 1.0


@pytest.mark.parametrize("seed", range(10))
def test_wasserstein_is_scipys_within_its_stated_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.gamma(2.0, size=5_000)
    window = np.clip(rng.gamma(2.0 + 0.1 * seed, size=3_000), reference.min(), reference.max())
    edges = edges_from_reference(reference)
    r, w = bin_counts(edges, reference), bin_counts(edges, window)
    low, high = reference.min(), reference.max()
    widths = np.diff(np.concatenate([[low], edges, [high]]))
    bound = float((widths * (r / r.sum() + w / w.sum())).sum())
    exact = wasserstein_distance(reference, window)
    assert abs(wasserstein(edges, r, w, low, high) - exact) <= bound
    assert wasserstein(edges, r, w, low, high) == pytest.approx(exact, rel=0.05, abs=0.01)


def test_an_empty_side_has_no_distance() -> None:
    some, none = np.array([1, 2]), np.array([0, 0])
    for answer in (
        psi(some, none),
        jensen_shannon(none, some),
        wasserstein(np.array([0.5]), some, none, 0, 1),
    ):
        assert math.isnan(answer)
    assert at_least(categorical_distance(some, none), KsBudget(100, 1)) == -math.inf


def test_coarse_groups_hold_all_counts_and_nearly_equal_reference_mass() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=10_000)
    edges = edges_from_reference(values)
    reference, window = coarsen(bin_counts(edges, values), bin_counts(edges, values + 1))
    assert reference.size == 10
    assert window.sum() == 10_000
    assert (abs(reference - 1_000) <= 40).all()


def test_a_heavy_atom_keeps_a_group_of_its_own() -> None:
    reference, window = coarsen(np.array([10, 600, *([30] * 13)]), np.arange(15), groups=10)
    assert 600 in reference.tolist()
    assert reference.sum() == 1_000
    assert window.sum() == 105


def test_categories_align_by_name_and_the_rest_is_one_category() -> None:
    names, reference, window = aligned_counts({"b": 60, "a": 30}, 10, {"a": 50, "new": 30, "newer": 20})
    assert names == ["a", "b"]
    assert reference.tolist() == [30, 60, 10]
    assert window.tolist() == [50, 0, 50]
    distance = categorical_distance(reference, window)
    assert distance.largest == pytest.approx(0.6)
    assert distance.total_variation == pytest.approx(0.6)
    assert distance.most == 1


def test_equal_shares_never_prove_drift_and_a_vanished_class_does() -> None:
    rng = np.random.default_rng(6)
    budget = KsBudget(525_600, 20)
    reference = rng.multinomial(100_000, [0.5, 0.3, 0.2])
    for _ in range(200):
        assert at_least(categorical_distance(reference, rng.multinomial(2_000, [0.5, 0.3, 0.2])), budget) <= 0
    gone = categorical_distance(reference, rng.multinomial(2_000, [0.7, 0.3, 0.0]))
    assert 0.05 < at_least(gone, budget) < 0.2
