"""How the numeric features of one pane go together: sums of their scores and of products of two scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tiltmeter.events.columns import Float64, Int64

#: A score is a whole number of 1/32 standard deviations, at most ±127 (``reference/joint_profile``).
ONE, LARGEST = 32, 127


@cache
def upper_triangle(features: int) -> tuple[Int64, Int64]:
    """(rows, columns) of the upper triangle with its diagonal, row by row: the order of ``products``."""
    return np.triu_indices(features)


@dataclass(slots=True, eq=False)
class JointCounts:
    """Additive, over the *complete* rows: successful predictions with a number in every feature of the joint
    profile.

    ``sums`` int64[d] and ``products`` int64[d (d+1) / 2] are in units of 1/32 and of 1/1024; ``outliers`` counts
    rows farther out than the profile's threshold. A missing cell costs its row here: put in as 0 (the mean) it
    would draw every correlation of its feature towards 0, so that a feature that stops arriving looked like one
    that came apart from the others. Cells that stop arriving are counted on their own; this asks a different
    question, of the rows that can answer it.
    """

    rows: int
    outliers: int
    sums: Int64
    products: Int64

    @classmethod
    def empty(cls, features: int) -> JointCounts:
        triangle = features * (features + 1) // 2
        return cls(0, 0, np.zeros(features, dtype=np.int64), np.zeros(triangle, dtype=np.int64))

    @classmethod
    def of(cls, scores: Float64, outliers: int) -> JointCounts:
        """``scores``: float64[d, n] of whole numbers up to ±127, so that the matrix product is exact whatever
        the order in which it adds (semantics 16)."""
        products = scores @ scores.T
        return cls(
            scores.shape[1],
            outliers,
            scores.sum(axis=1).astype(np.int64),
            products[upper_triangle(scores.shape[0])].astype(np.int64),
        )

    def add(self, other: JointCounts, sign: int = 1) -> None:
        """Merge counts over the same profile; ``sign=-1`` takes them out again, exactly."""
        self.rows += sign * other.rows
        self.outliers += sign * other.outliers
        self.sums = self.sums + sign * other.sums
        self.products = self.products + sign * other.products

    def to_wire(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "outliers": self.outliers,
            "sums": self.sums.tolist(),
            "products": self.products.tolist(),
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> JointCounts:
        sums, products = (np.array(wire[name], dtype=np.int64) for name in ("sums", "products"))
        return cls(wire["rows"], wire["outliers"], sums, products)
