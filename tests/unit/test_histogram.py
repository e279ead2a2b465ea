"""Edges and counts, case by case."""

from __future__ import annotations

import numpy as np
import pytest

from tiltmeter.core.panes.histogram import (
    atomic_mask,
    bin_counts,
    counts_by_search,
    counts_by_sort,
    edges_from_reference,
)


def test_edges_are_numpys_inverted_cdf_quantiles() -> None:
    values = np.random.default_rng(0).normal(size=10_001)
    expected = np.quantile(values, np.arange(1, 256) / 256, method="inverted_cdf")
    assert edges_from_reference(values).tolist() == expected.tolist()


def test_a_constant_has_one_atom_between_two_empty_bins() -> None:
    edges = edges_from_reference(np.full(1_000, 7.0))
    assert edges.tolist() == [np.nextafter(7.0, -np.inf), 7.0]
    assert atomic_mask(edges).tolist() == [False, True, False]
    assert bin_counts(edges, np.array([6.9, 7.0, 7.1])).tolist() == [1, 1, 1]


def test_zero_inflation_puts_the_zeros_alone() -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(20_000) < 0.6, -0.0, rng.normal(size=20_000))
    edges = edges_from_reference(values)
    j = int(np.searchsorted(edges, 0.0))
    assert atomic_mask(edges)[j]
    assert bin_counts(edges, values)[j] == np.count_nonzero(values == 0)


def test_infinities_count_in_the_outer_bins() -> None:
    edges = edges_from_reference(np.arange(100.0))
    for count in (counts_by_sort, counts_by_search):
        counts = count(edges, np.array([-np.inf, np.inf, np.inf]))
        assert (counts[0], counts[-1], counts.sum()) == (1, 2, 3)


def test_without_finite_values_everything_is_one_bin() -> None:
    edges = edges_from_reference(np.array([np.nan, np.inf]))
    assert edges.size == 0
    assert bin_counts(edges, np.array([1.0, 2.0])).tolist() == [2]
    assert atomic_mask(edges).tolist() == [False]


def test_no_values_are_no_counts() -> None:
    assert bin_counts(edges_from_reference(np.arange(9.0), 3), np.empty(0)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [999, 1_000, 1_001])
def test_the_switch_between_both_ways_is_invisible(size: int) -> None:
    rng = np.random.default_rng(size)
    edges = edges_from_reference(rng.lognormal(size=5_000))
    values = rng.lognormal(size=size)
    assert bin_counts(edges, values).tolist() == counts_by_search(edges, values).tolist()


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        edges_from_reference(np.arange(3.0), 0)
