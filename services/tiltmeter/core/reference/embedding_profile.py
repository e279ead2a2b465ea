"""The mean embedding of a reference's rows, and the random frequencies that define it.

Random Fourier features (Rahimi & Recht, "Random features for large-scale kernel machines", 2007): with frequencies w
drawn from N(0, 1/bandwidth²), the mean over w of cos(w·(x - y)) is the Gaussian kernel
exp(-|x - y|² / (2 bandwidth²)), up to O(1/sqrt(frequencies)).

The document holds a seed and a bandwidth instead of up to 6,400 frequencies. What they stand for is fixed by
standards, not by a version of numpy: words of SHAKE-256 (FIPS 202), through the inverse normal CDF, rounded to whole
numbers. Whole frequencies have a second use: scores are whole numbers, too, so the phase of a row is exact, whoever
multiplies in whatever order.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.panes.embedding_counts import FREQUENCIES, EmbeddingCounts
from tiltmeter.events.columns import Float64

#: Phases are whole numbers of so many to the turn, so a frequency is one of 1/16,384 of a turn per 1/32 standard
#: deviation. For the widest kernel, 50 features, a normal frequency is then about 8 of them: rounding changes the
#: kernel by less than a thousandth.
TURN = 1 << 14
SEED = 1
#: In 1/32 standard deviations of a score. A normal drawn from 32 bits is at most 6.4, so no frequency exceeds 1,033;
#: and 127 × 1,033 × 50 < 2**24: phases are exact in float32.
LEAST_BANDWIDTH = 16
_MOST_FEATURES = 50


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingProfile:
    """Over ``features`` scores (``reference.joint_profile``), in their order. ``bandwidth`` in 1/32 standard
    deviations of a score. ``counts``: of all complete rows of the reference. ``frequencies``: float32[128, features],
    whole numbers of 1/:data:`TURN` of a turn per 1/32."""

    features: int
    bandwidth: int
    counts: EmbeddingCounts
    seed: int = SEED
    frequencies: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        if self.bandwidth < LEAST_BANDWIDTH or self.features > _MOST_FEATURES:
            raise ValueError(f"an embedding of {self.features} features with bandwidth {self.bandwidth}")
        radians = standard_normals(self.seed)[: self.features] / self.bandwidth
        whole = np.rint(radians * (TURN / math.tau))
        object.__setattr__(self, "frequencies", np.ascontiguousarray(whole.T, dtype=np.float32))

    def to_wire(self) -> dict[str, Any]:
        return {"seed": self.seed, "bandwidth": self.bandwidth, **self.counts.to_wire()}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any], features: int) -> EmbeddingProfile:
        """Inverse of :meth:`to_wire`; ValueError where the numbers cannot be an embedding."""
        counts = EmbeddingCounts.from_wire({"rows": wire["rows"], "sums": wire["sums"]})
        return cls(features, wire["bandwidth"], counts, wire["seed"])


@lru_cache(maxsize=4)
def standard_normals(seed: int) -> Float64:
    """float64[50, 128]: a row per feature, so that the first d rows do not depend on d. 2 ms.

    A last bit of the C library's logarithm would show in a frequency that was within 1e-12 of a half before it was
    rounded: with seed 1 none is, whatever the bandwidth.
    """
    words = np.frombuffer(
        hashlib.shake_256(b"tiltmeter embedding %d" % seed).digest(4 * _MOST_FEATURES * FREQUENCIES), "<u4"
    )
    quantile = NormalDist().inv_cdf
    drawn = [quantile((word + 0.5) / 2.0**32) for word in words.tolist()]
    return np.array(drawn).reshape(_MOST_FEATURES, FREQUENCIES)
