"""How the numeric features of a reference go together.

Every value is replaced by a score, a whole number of 1/32: the normal quantile of the middle of its bin's ranks
in the reference (van der Waerden scores, with mid-ranks for ties), standardised over the reference. Scores are
bounded and care for order only, so no outlier dominates a product of two; bins are those of the KS histogram,
so a score is a look-up in a table. The tables are part of the document: what a score means must not depend on
whose logarithm computed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tiltmeter.core.panes.joint_counts import JointCounts
from tiltmeter.core.reference.embedding_profile import EmbeddingProfile
from tiltmeter.events.columns import Float64

#: At most so many features: 1,275 products of two.
MOST_JOINT_FEATURES = 50


@dataclass(frozen=True, slots=True, eq=False)
class JointProfile:
    """Over d of the numeric ``features``, by name in ascending order.

    ``scores``: per feature float64[bins]. ``counts``: of the reference's complete rows, as panes count them;
    their ``outliers`` exceed ``threshold``, the 99.9 % quantile of the rows' distance (see
    ``panes.fill_joint.distances``) with ``centres`` and ``scales``, float64[d]. ``components``: float64[d, k],
    orthonormal columns up to rounding, the k ≥ 1 principal components that hold at least 65 % of the variance.
    ``embedding``: None in references of before there was one.
    """

    features: tuple[str, ...]
    scores: tuple[Float64, ...]
    counts: JointCounts
    components: Float64
    centres: Float64
    scales: Float64
    threshold: int
    embedding: EmbeddingProfile | None = None
    position: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", {name: at for at, name in enumerate(self.features)})

    def to_wire(self) -> dict[str, Any]:
        return {
            "features": list(self.features),
            "scores": [table.astype(np.int64).tolist() for table in self.scores],
            "counts": self.counts.listed(),
            "components": self.components.T.tolist(),
            "centres": self.centres.tolist(),
            "scales": self.scales.tolist(),
            "threshold": self.threshold,
            **({"embedding": self.embedding.to_wire()} if self.embedding else {}),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> JointProfile:
        """Inverse of :meth:`to_wire`; ValueError where the parts do not fit together."""
        features = tuple(wire["features"])
        d = len(features)
        counts = JointCounts.from_wire(wire["counts"])
        components = np.array(wire["components"], dtype=np.float64).reshape(-1, d).T
        centres, scales = (np.array(wire[name], dtype=np.float64) for name in ("centres", "scales"))
        scores = tuple(np.array(table, dtype=np.float64) for table in wire["scores"])
        sizes = (len(scores), counts.sums.size, centres.size, scales.size)
        if sizes != (d,) * 4 or counts.products.size != d * (d + 1) // 2:
            raise ValueError(f"{d} features, but {sizes} tables, sums, centres and scales")
        embedding = EmbeddingProfile.from_wire(wire["embedding"], d) if wire.get("embedding") else None
        return cls(features, scores, counts, components, centres, scales, wire["threshold"], embedding)
