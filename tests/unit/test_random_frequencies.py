"""Random frequencies mean the same on every machine, and their embeddings approximate the Gaussian kernel."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import kstest

from tiltmeter.core.counting.fill_embedding import _waves, embed
from tiltmeter.core.panes.embedding_counts import COMPONENTS, FREQUENCIES, ONE, EmbeddingCounts
from tiltmeter.core.reference.embedding_profile import TURN, EmbeddingProfile, standard_normals
from tiltmeter.core.reference_building.embedding_builder import median_distance

#: Of seed 1 at bandwidth 320 and 50 features: the first frequency's first eight, and the hash of all.
PINNED = [5, 0, 10, 6, 4, 14, 0, 0]
PINNED_HASH = "2f581d35e221c0cb"
#: Between the smallest bandwidth and the largest distance of two rows of fifty scores.
BANDWIDTHS = range(16, 1_797)


def test_frequencies_are_those_of_every_other_version_and_machine() -> None:
    """Pinned: references hold only their seed."""
    frequencies = EmbeddingProfile(50, 320, EmbeddingCounts.empty()).frequencies
    assert frequencies[0, :8].tolist() == PINNED
    assert hashlib.sha256(frequencies.astype("<i4").tobytes()).hexdigest()[:16] == PINNED_HASH
    few = EmbeddingProfile(3, 320, EmbeddingCounts.empty()).frequencies
    assert few.tolist() == frequencies[:, :3].tolist()


def test_they_are_standard_normals() -> None:
    assert kstest(standard_normals(1).ravel(), "norm").pvalue > 0.01
    assert standard_normals(2).tolist() != standard_normals(1).tolist()


def test_no_frequency_is_so_near_a_half_that_a_last_bit_could_turn_it() -> None:
    nearest = 1.0
    for bandwidth in BANDWIDTHS:
        exact = standard_normals(1) / bandwidth * (TURN / math.tau)
        nearest = min(nearest, float(np.abs(exact - np.floor(exact) - 0.5).min()))
    assert nearest > 1e-9


def test_no_cosine_is_so_near_a_half_that_a_library_could_round_it_differently() -> None:
    exact = np.array([math.cos(math.tau * k / TURN) * ONE for k in range(TURN)])
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 2e-4
    assert _waves().real.tolist() == np.rint(exact).tolist()
    assert _waves().imag.tolist() == np.roll(_waves().real, TURN // 4).tolist()
    assert np.abs(np.abs(_waves() / ONE) ** 2 - 1).max() < 2.0**-13


@pytest.mark.parametrize("features", [2, 20, 50])
def test_products_of_embeddings_are_the_gaussian_kernel_up_to_one_over_the_root_of_their_number(
    features: int,
) -> None:
    """The variance of cos(w·δ) is at most 1/2: a root mean square of 1/sqrt(256)."""
    rng = np.random.default_rng(features)
    scores = np.rint(np.clip(32 * rng.normal(size=(features, 150)), -127, 127))
    bandwidth = median_distance(scores)
    profile = EmbeddingProfile(features, bandwidth, EmbeddingCounts.empty())
    z = np.array([embed(profile, scores[:, [i]]).sums for i in range(150)]) / (ONE * math.sqrt(FREQUENCIES))
    kernel = np.exp(-cdist(scores.T, scores.T, "sqeuclidean") / (2 * bandwidth**2))
    error = (z @ z.T - kernel)[np.triu_indices(150, 1)]
    assert math.sqrt(np.mean(error**2)) < 1 / math.sqrt(COMPONENTS)
    assert np.abs(error).max() < 5 / math.sqrt(COMPONENTS)


@pytest.mark.parametrize("rows", [2, 60, 1_000])
def test_the_bandwidth_is_the_median_distance_of_different_rows(rows: int) -> None:
    rng = np.random.default_rng(rows)
    scores = np.rint(np.clip(32 * rng.normal(size=(4, rows)), -127, 127))
    scores[:, : rows // 3] = scores[:, [0]]  # many alike
    apart = pdist(scores.T)
    apart = np.sort(apart[apart > 0])
    assert median_distance(scores) == max(int(apart[(apart.size - 1) // 2]), 16)
    assert median_distance(scores[:, rng.permutation(rows)]) == median_distance(scores)


def test_the_bandwidth_of_many_rows_is_that_of_a_thousand_of_them_in_whatever_order() -> None:
    rng = np.random.default_rng(7)
    scores = np.rint(np.clip(32 * rng.normal(size=(6, 30_000)), -127, 127))
    assert median_distance(scores) == median_distance(scores[:, rng.permutation(30_000)])
    assert median_distance(scores) == pytest.approx(np.median(pdist(scores[:, :2_000].T)), rel=0.03)
    assert median_distance(np.zeros((2, 100))) == 16
