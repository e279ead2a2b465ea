"""Histograms over reference quantiles: what KS and its relatives are computed from.

Edges e_1 < … < e_E cut the line into E+1 bins, (-inf, e_1], (e_1, e_2], …, (e_E, +inf]. Counts are integers
and merge by ``+``, so a histogram does not depend on how its values were split or ordered. Quantile edges put
at most 1/``bins`` of a continuous reference between two edges, whatever its shape (with ties: less than
2/``bins``, but for atoms, which stand alone); equal-width bins would put nearly everything into one for a
heavy tail.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiltmeter.events.columns import Float64, Int64

#: Sorting costs n log n but vectorises; searching costs n log E with cache misses. Measured crossing: 1,000.
_SORT_FROM = 1_000


def edges_from_reference(values: Float64, bins: int = 256) -> Float64:
    """The ``bins``-quantiles of the finite values (inverse of the empirical CDF), as float64[E], E <
    ``bins``.

    A value v that is more than one quantile is an atom and gets two edges, the float below v and v: its bin
    then holds v alone, and KS is exact there. Ascending, distinct, finite, never -0.0. Without a finite value
    there are no edges and all counts fall into one bin. Sorts: about 60 ns per value.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    ordered = np.sort(values[np.isfinite(values)])
    if ordered.size == 0:
        return np.empty(0, dtype=np.float64)
    ranks = (np.arange(1, bins, dtype=np.int64) * ordered.size + bins - 1) // bins  # ceil, in integers
    quantiles, repeats = np.unique(ordered[ranks - 1], return_counts=True)
    with np.errstate(over="ignore"):  # below the lowest float there is none: no edge
        below = np.nextafter(quantiles[repeats > 1], -np.inf)
    edges = np.unique(np.concatenate([quantiles, below[np.isfinite(below)]]))
    positive_zero: Float64 = edges + 0.0
    return positive_zero


def bin_counts(edges: Float64, values: Float64) -> Int64:
    """int64[E+1]: how many of float64[n] fall into each bin. ±inf count in the outer bins.

    ``values`` must hold no NaN: a NaN has no place on the line and would count in the last bin. Both ways to
    count give equal results; the size decides. 5-8 ns per value from 4,000 values on, about 20 ns below
    1,000.
    """
    if values.size < _SORT_FROM:
        return counts_by_search(edges, values)
    return counts_by_sort(edges, values)


def counts_by_search(edges: Float64, values: Float64) -> Int64:
    """:func:`bin_counts`, looking every value up among the edges."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=edges.size + 1).astype(
        np.int64, copy=False
    )


def counts_by_sort(edges: Float64, values: Float64) -> Int64:
    """:func:`bin_counts`, looking every edge up among the sorted values."""
    return _counts_of_sorted(edges, np.sort(values))


def _counts_of_sorted(edges: Float64, ordered: Float64) -> Int64:
    cumulative = np.empty(edges.size + 2, dtype=np.int64)
    cumulative[0] = 0
    cumulative[1:-1] = np.searchsorted(ordered, edges, side="right")
    cumulative[-1] = ordered.size
    counts: Int64 = cumulative[1:] - cumulative[:-1]
    return counts


def counts_and_scores(edges: Float64, values: Float64, scores: Float64) -> tuple[Int64, Float64]:
    """:func:`bin_counts`, and for every value, float64[n], the entry of ``scores`` float64[E+1] for its bin.

    About 8 ns per value more than the counts alone.
    """
    if values.size < _SORT_FROM:
        places = np.searchsorted(edges, values, side="left")
        counts = np.bincount(places, minlength=edges.size + 1).astype(np.int64, copy=False)
        return counts, scores[places]
    order = np.argsort(values)
    counts = _counts_of_sorted(edges, values[order])
    found = np.empty(values.size)
    found[order] = np.repeat(scores, counts)
    return counts, found


def atomic_mask(edges: Float64) -> NDArray[np.bool_]:
    """bool[E+1]: the bins that hold one single float. They have no interior, so they add no uncertainty.

    The outer bins are open and never atomic.
    """
    atomic = np.zeros(edges.size + 1, dtype=np.bool_)
    atomic[1:-1] = np.nextafter(edges[:-1], np.inf) == edges[1:]
    return atomic
