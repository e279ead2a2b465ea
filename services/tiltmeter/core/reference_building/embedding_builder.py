"""Builds the mean embedding of a reference from the scores of its rows."""

from __future__ import annotations

import math

import numpy as np

from tiltmeter.core.counting.fill_embedding import embed
from tiltmeter.core.panes.embedding_counts import EmbeddingCounts
from tiltmeter.core.reference.embedding_profile import LEAST_BANDWIDTH, EmbeddingProfile
from tiltmeter.events.columns import Float64

#: Rows between which distances are looked at: half a million pairs.
_ROWS = 1_000


def build_embedding(scores: Float64) -> EmbeddingProfile:
    """``scores``: float64[d, n] of the reference's complete rows, n ≥ 2. About half a microsecond per row."""
    d = scores.shape[0]
    bandwidth = median_distance(scores)
    unknown = EmbeddingProfile(d, bandwidth, EmbeddingCounts.empty())
    return EmbeddingProfile(d, bandwidth, embed(unknown, scores))


def median_distance(scores: Float64) -> int:
    """The median of the distances of different rows, rounded down (the median heuristic, Gretton et al., "A kernel
    two-sample test", JMLR 13, 2012, section 8). Between equal rows it would be 0 where most rows are alike.

    Of a thousand rows, evenly spaced among all in lexicographic order: the order in which they came does not show.
    """
    order = np.lexsort(scores.astype(np.int8))
    chosen = scores[:, order[(np.arange(min(_ROWS, order.size)) * order.size) // min(_ROWS, order.size)]]
    products = chosen.T @ chosen
    lengths = products.diagonal()
    squares = (lengths[:, np.newaxis] + lengths - 2.0 * products)[np.triu_indices(lengths.size, 1)]
    squares = squares[squares > 0]
    if not squares.size:
        return LEAST_BANDWIDTH
    middle = (squares.size - 1) // 2
    return max(math.isqrt(int(np.partition(squares, middle)[middle])), LEAST_BANDWIDTH)
