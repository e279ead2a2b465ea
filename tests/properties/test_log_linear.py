"""Log-linear bins: the same for everybody, monotone, and good enough to make a reference from."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.panes.log_linear import bins_of, bounds, count_bins, quantile_edges

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
@example(0.0)
@example(-0.0)
@example(5e-324)
@example(-1.7976931348623157e308)
def test_a_value_lies_within_the_bounds_of_its_bin(value: float) -> None:
    low, high = bounds(int(bins_of(np.array([value]))[0]))
    assert low <= value <= high


@given(FINITE, FINITE)
def test_bins_keep_the_order_of_values(one: float, other: float) -> None:
    first, second = bins_of(np.array([min(one, other), max(one, other)])).tolist()
    assert first <= second


def test_small_integers_have_a_bin_of_their_own() -> None:
    assert len(count_bins(np.arange(-127, 128, dtype=np.float64))) == 255


@given(st.floats(1e-300, 1e300))
def test_a_bin_is_at_most_a_sixty_fourth_of_its_value_wide(value: float) -> None:
    low, high = bounds(int(bins_of(np.array([value]))[0]))
    assert high - low <= value / 64


@given(st.lists(st.floats(-1e6, 1e6) | st.integers(-5, 5).map(float), min_size=1, max_size=300))
def test_edges_from_bins_count_exactly_what_the_values_would(values: list[float]) -> None:
    data = np.array(values)
    edges, counts = quantile_edges(count_bins(data), bins=16)
    assert counts.sum() == data.size
    assert np.array_equal(bin_counts(edges, data), counts)


def test_edges_divide_the_mass_evenly() -> None:
    data = np.random.default_rng(3).lognormal(10, 0.7, 50_000)
    _, counts = quantile_edges(count_bins(data), bins=64)
    assert counts.size >= 60
    assert counts.max() / data.size < 2 / 64
