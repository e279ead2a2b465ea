"""The exact KS statistic lies between the two bounds, whatever the data."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ks_2samp

from tiltmeter.core.drift.ks import ks_bounds, ks_distance
from tiltmeter.core.panes.histogram import atomic_mask, bin_counts, edges_from_reference

ROUNDING = 1e-12

values = st.one_of(
    st.integers(-4, 4).map(float),
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, -0.0, 5e-324, np.inf, -np.inf]),
)
samples = st.integers(1, 50).flatmap(lambda n: arrays(np.float64, n, elements=values))


def exact(reference: np.ndarray, window: np.ndarray) -> float:
    with np.errstate(divide="ignore"):  # scipy divides by a rounded 0 when both have one row
        return float(ks_2samp(reference, window, method="asymp").statistic)


@given(samples, samples, st.integers(1, 30))
def test_the_exact_distance_lies_within_the_bounds(
    reference: np.ndarray, window: np.ndarray, bins: int
) -> None:
    edges = edges_from_reference(reference, bins)
    counts = bin_counts(edges, reference)
    distance = ks_distance(counts, bin_counts(edges, window), atomic_mask(edges))
    assert distance.lower - ROUNDING <= exact(reference, window) <= distance.upper + ROUNDING
    loose = counts[~atomic_mask(edges)].max(initial=0) / reference.size
    assert distance.upper <= distance.lower + loose + ROUNDING


@given(samples, st.integers(1, 30))
def test_a_sample_has_no_distance_from_itself(sample: np.ndarray, bins: int) -> None:
    edges = edges_from_reference(sample, bins)
    counts = bin_counts(edges, sample)
    assert ks_distance(counts, counts, atomic_mask(edges)).lower == 0.0


@given(st.lists(st.tuples(samples, samples), min_size=1, max_size=4))
def test_features_together_are_features_alone(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Features of fewer bins are padded with empty atomic bins."""
    alone, padded = [], []
    for reference, window in pairs:
        edges = edges_from_reference(reference, 8)
        r, w, a = bin_counts(edges, reference), bin_counts(edges, window), atomic_mask(edges)
        distance = ks_distance(r, w, a)
        alone.append((distance.lower, distance.upper))
        gap = (0, 8 - r.size)
        padded.append((np.pad(r, gap), np.pad(w, gap), np.pad(a, gap, constant_values=True)))
    r, w, a = (np.stack(part) for part in zip(*padded, strict=True))
    lower, upper = ks_bounds(r, w, a)
    assert list(zip(lower.tolist(), upper.tolist(), strict=True)) == alone
