"""Covariances of scores inside panes, added over panes: what happens to the means between them is left out.

A pane in which two means are high and one in which they are low, put together, look correlated though the features of
neither are. The sum over panes of (n - 1) times the sample covariance is the pooled within-group covariance of the
analysis of variance, unbiased whatever the means of the panes are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tiltmeter.core.panes.joint_counts import JointCounts, upper_triangle
from tiltmeter.events.columns import Float64, Int64


@dataclass(slots=True, eq=False)
class CentredProducts:
    """``weight`` is the sum of n - 1; ``products`` float64[d (d+1) / 2] in units of 1/1024, as in panes."""

    weight: int
    products: Float64

    @classmethod
    def empty(cls, features: int) -> Self:
        return cls(0, np.zeros(features * (features + 1) // 2))

    def add(self, counts: JointCounts) -> None:
        """A pane; one row alone says nothing."""
        if counts.rows > 1:
            rows, columns = upper_triangle(counts.sums.size)
            means = counts.sums / counts.rows
            self.products = self.products + (counts.products - counts.sums[rows] * means[columns])
            self.weight += counts.rows - 1

    def correlations(self, pairs: Int64, features: int) -> Float64:
        """float64[pairs]: of the ``pairs`` of the triangle; 0 for a feature that never varied. NaN without weight."""
        if self.weight == 0:
            return np.full(pairs.size, np.nan)
        rows, columns = upper_triangle(features)
        variances = np.maximum(self.products[rows == columns], 0.0)
        scale = np.sqrt(variances[rows[pairs]] * variances[columns[pairs]])
        found: Float64 = np.divide(self.products[pairs], scale, out=np.zeros(pairs.size), where=scale > 0)
        return found.clip(-1.0, 1.0)

    def snapshot(self) -> list[Any]:
        return [self.weight, self.products.tolist()]

    @classmethod
    def restore(cls, snapshot: list[Any]) -> Self:
        weight, products = snapshot
        return cls(weight, np.array(products, dtype=np.float64))
