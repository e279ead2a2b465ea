"""Histograms: two ways to count are one, counts merge, atoms stand alone."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tiltmeter.core.panes.histogram import (
    atomic_mask,
    bin_counts,
    counts_by_search,
    counts_by_sort,
    edges_from_reference,
)

# Ties, both zeros, denormals, the largest floats and the infinities come up often, not by luck.
awkward = st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 2e-308, 1.0, 1.0 + 2**-52, -3.0, sys.float_info.max])
finite = st.one_of(awkward, st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 3).map(float))
numbers = st.one_of(finite, st.sampled_from([np.inf, -np.inf]))


def columns(elements: st.SearchStrategy[float], most: int = 60) -> st.SearchStrategy[np.ndarray]:
    return st.integers(0, most).flatmap(lambda n: arrays(np.float64, n, elements=elements))


edges = st.builds(edges_from_reference, columns(numbers), st.integers(1, 40))


@given(edges, columns(numbers))
def test_sorting_and_searching_count_alike(edges: np.ndarray, values: np.ndarray) -> None:
    by_sort = counts_by_sort(edges, values)
    assert by_sort.tolist() == counts_by_search(edges, values).tolist() == bin_counts(edges, values).tolist()
    assert by_sort.dtype == np.int64
    assert by_sort.shape == (edges.size + 1,)


@given(edges, columns(numbers))
def test_a_bin_is_open_below_and_closed_above(edges: np.ndarray, values: np.ndarray) -> None:
    limits = [-np.inf, *edges.tolist(), np.inf]
    by_hand = [
        sum(low < v <= high or (j == 0 and v == -np.inf) for v in values.tolist())
        for j, (low, high) in enumerate(pairwise(limits))
    ]
    assert counts_by_sort(edges, values).tolist() == by_hand


@given(edges, columns(numbers), st.data())
def test_counts_do_not_depend_on_how_values_were_split(
    edges: np.ndarray, values: np.ndarray, data: st.DataObject
) -> None:
    parts = np.split(values, sorted(data.draw(st.lists(st.integers(0, values.size), max_size=4))))
    whole = bin_counts(edges, values).tolist()
    assert np.sum([bin_counts(edges, part) for part in parts], axis=0).tolist() == whole
    assert np.sum([bin_counts(edges, part) for part in reversed(parts)], axis=0).tolist() == whole


@given(columns(numbers), st.integers(1, 40))
def test_edges_ascend_are_finite_and_leave_little_between_them(values: np.ndarray, bins: int) -> None:
    edges = edges_from_reference(values, bins)
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    assert not np.signbit(edges[edges == 0]).any()
    assert edges.size < bins or edges.size == 0
    held = values[np.isfinite(values)]
    counts = bin_counts(edges, held)
    loose = counts[~atomic_mask(edges)]
    # The only atom that cannot stand alone is the lowest float there is.
    if held.size and held.min() > -sys.float_info.max:
        assert loose.max(initial=0) * bins < 2 * held.size + bins
    if np.unique(held).size == held.size:
        assert loose.max(initial=0) <= -(-held.size // bins)


@given(columns(numbers, most=30), st.integers(2, 20))
@settings(max_examples=50)
def test_an_atomic_bin_holds_one_float(values: np.ndarray, bins: int) -> None:
    edges = edges_from_reference(values, bins)
    for j in np.flatnonzero(atomic_mask(edges)):
        assert np.nextafter(edges[j - 1], np.inf) == edges[j]
        assert counts_by_sort(edges, edges[j : j + 1])[j] == 1
