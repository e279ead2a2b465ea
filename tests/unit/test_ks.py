"""KS bounds and margins."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import ks_2samp

from tiltmeter.core.drift.ks import KsBudget, KsDistance, ks_distance
from tiltmeter.core.panes.histogram import atomic_mask, bin_counts, edges_from_reference

Change = Callable[[np.ndarray], np.ndarray]


def distance_of(reference: np.ndarray, window: np.ndarray) -> KsDistance:
    edges = edges_from_reference(reference)
    return ks_distance(bin_counts(edges, reference), bin_counts(edges, window), atomic_mask(edges))


def shapes(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    normal = rng.normal(size=n)
    return {
        "normal": normal,
        "lognormal": np.exp(normal),
        "zero-inflated": np.where(rng.random(n) < 0.6, 0.0, normal),
        "poisson": rng.poisson(3, n).astype(float),
        "rounded": np.round(normal, 1),
        "infinite tails": np.where(rng.random(n) < 0.05, np.inf, normal),
    }


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "change", [lambda x: x, lambda x: x + 0.1, lambda x: x * 1.5], ids=["same", "shift", "scale"]
)
def test_256_bins_are_within_two_bins_of_scipy(seed: int, change: Change) -> None:
    rng = np.random.default_rng(seed)
    references, windows = shapes(rng, 10_000), shapes(rng, 3_000)
    for name, reference in references.items():
        window = change(windows[name])
        exact = ks_2samp(reference, window, method="asymp").statistic
        distance = distance_of(reference, window)
        assert distance.lower - 1e-12 <= exact <= distance.upper + 1e-12, name
        if name != "infinite tails":  # infinite values share the last bin
            assert distance.upper - distance.lower <= 2 / 256, name


@pytest.mark.parametrize("name", ["poisson", "rounded"])
def test_repeated_values_are_exact(name: str) -> None:
    rng = np.random.default_rng(4)
    reference, window = shapes(rng, 10_000)[name], shapes(rng, 10_000)[name]
    exact = ks_2samp(reference, window, method="asymp").statistic
    assert distance_of(reference, window).lower == pytest.approx(exact, abs=1e-12)


def test_an_empty_side_has_no_distance() -> None:
    distance = ks_distance(np.array([1, 2]), np.array([0, 0]), np.array([False, False]))
    assert math.isnan(distance.lower)
    assert math.isnan(distance.upper)
    assert KsBudget(1_000, 1).at_least(distance) == -math.inf


def test_margins_are_those_of_the_specification() -> None:
    """Multipliers of sqrt(1/n): 30 days x 20 features, 1 year x 20 (1-min panes), 1 year of 10-s panes x 200."""
    for panes, features, multiplier in ((43_200, 20, 2.74), (525_600, 20, 2.96), (3_153_600, 200, 3.29)):
        assert KsBudget(panes, features).window_margin(1) == pytest.approx(multiplier, abs=0.02)
    for rows, margin in ((10_000, 0.0204), (100_000, 0.0064), (1_000_000, 0.0020)):
        assert KsBudget(1_000, 20).reference_margin(rows) == pytest.approx(margin, abs=6e-5)


def test_over_dispersion_widens_the_margin_like_fewer_rows() -> None:
    budget = KsBudget(525_600, 20)
    assert budget.window_margin(4_000, phi=4.0) == pytest.approx(budget.window_margin(1_000))


def test_a_shift_of_half_a_sigma_is_proved() -> None:
    rng = np.random.default_rng(9)
    distance = distance_of(rng.normal(size=100_000), rng.normal(0.5, size=10_000))
    assert 0.10 < KsBudget(525_600, 20).at_least(distance) < 0.197


@pytest.mark.parametrize(
    "budget", [(0, 1, 0.01), (10, 0, 0.01), (10, 1, 0.0), (10, 1, 1.0), (math.nan, 1, 0.01)]
)
def test_an_impossible_budget_is_refused(budget: tuple[float, int, float]) -> None:
    with pytest.raises(ValueError, match="not a budget"):
        KsBudget(*budget)
