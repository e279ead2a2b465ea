"""From the scores of a pane's sampled rows to their mean embedding.

A row is in the sample if the hash of its prediction's id says so: a replay, another cut and another number of
partitions choose the same rows. A cap on the rows of a pane could not do that, because no partition knows what the
others hold; so the share alone bounds the cost, about half a microsecond per sampled row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.panes.embedding_counts import ONE, EmbeddingCounts
from tiltmeter.core.reference.embedding_profile import TURN, EmbeddingProfile
from tiltmeter.events.columns import Float64

#: Rows at a time: their phases stay in the cache, and the product is too small to wake BLAS' threads.
_ROWS = 128


class KeySample:
    """``keys``: the hashed ids of a batch, 16 bytes each, whose first four decide."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = keys
        self._chosen: dict[float, NDArray[np.bool_]] = {}

    def of(self, share: float) -> NDArray[np.bool_] | None:
        """bool[n]: whose number in [0, 1) lies below ``share``; None for no share. About 30 ns per row, once."""
        if not share:
            return None
        if share not in self._chosen:
            words = np.frombuffer(b"".join([key[:4] for key in self._keys]), "<u4")
            self._chosen[share] = words < share * 2.0**32
        return self._chosen[share]


def embed(profile: EmbeddingProfile, scores: Float64) -> EmbeddingCounts:
    """``scores``: float64[d, n] of whole numbers up to ±127. Phases and sums are whole numbers too small to be
    rounded, so the result does not depend on the order of rows, nor on how they are cut."""
    waves, total = _waves(), np.zeros(profile.frequencies.shape[0], dtype=np.complex128)
    small = scores.astype(np.float32)
    for at in range(0, small.shape[1], _ROWS):
        phases = (profile.frequencies @ small[:, at : at + _ROWS]).astype(np.int64)
        phases &= TURN - 1
        total += waves.take(phases).sum(axis=1)
    sums = np.concatenate([total.real, total.imag]).astype(np.int64)
    return EmbeddingCounts(scores.shape[1], sums)


@cache
def _waves() -> NDArray[np.complex128]:
    """complex128[16,384]: cosine and sine of each phase, in whole numbers of 2**-14.

    No entry but 0 and ±1 lies nearer than 2e-4 to the middle between two whole numbers, so no C library can round one
    differently: unlike logarithms (semantics 16), these are the same on every machine.
    """
    angles: NDArray[Any] = np.arange(TURN) * (2.0 * np.pi / TURN)
    waves: NDArray[np.complex128] = np.rint(np.cos(angles) * ONE) + 1j * np.rint(np.sin(angles) * ONE)
    return waves
