"""How the numeric features of one pane go together: sums of their scores and of products of two scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import isqrt
from typing import Any

import numpy as np

from tiltmeter.core.panes.histogram_wire import FEW, histograms_from_wire, histograms_to_wire
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
        return self.listed() if self.rows <= FEW else self.as_spelled(*histograms_to_wire([self.both]))

    @property
    def both(self) -> Int64:
        """Sums, and products behind them."""
        return np.concatenate((self.sums, self.products))

    def as_spelled(self, both: dict[str, Any]) -> dict[str, Any]:
        """Wire form with what ``histograms_to_wire`` says of :attr:`both`, if that is a packed text."""
        return {"rows": self.rows, "outliers": self.outliers, **both} if "packed" in both else self.listed()

    def listed(self) -> dict[str, Any]:
        """As plain numbers, whatever is shorter: what the id of a reference is made of must not change."""
        return {
            "rows": self.rows,
            "outliers": self.outliers,
            "sums": self.sums.tolist(),
            "products": self.products.tolist(),
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> JointCounts:
        return cls.with_sums(wire, histograms_from_wire([wire])[0])

    @classmethod
    def with_sums(cls, wire: dict[str, Any], both: Int64 | None) -> JointCounts:
        """``both``: what ``histograms_from_wire`` has found in ``wire``, sums and products."""
        if both is None:
            sums, products = (np.array(wire[name], dtype=np.int64) for name in ("sums", "products"))
        else:
            features = (isqrt(8 * both.size + 9) - 3) // 2  # d sums and d (d+1) / 2 products
            sums, products = both[:features], both[features:]
        return cls(wire["rows"], wire["outliers"], sums, products)
