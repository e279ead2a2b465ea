"""Labels that were drawn: where only some predictions get a label, each by a known probability.

If loans are granted by the score, or alerts reviewed by their rank, labelled predictions are not like the others.
Where the choice was random with a probability pi that the label source knows, weights 1 / pi make up for it:
Hájek's ratio estimator sum(x / pi) / sum(1 / pi), after Horvitz & Thompson 1952.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.panes.fixed_point import ONE, quantise, total
from tiltmeter.events.columns import Float64

#: A label that was less probable is not weighted: one such label would count more than a hundred others.
LEAST_PROPENSITY = 0.01
#: Fewer effective labels than this are no estimate.
LEAST_EFFECTIVE = 200.0


@dataclass(slots=True)
class Weighted:
    """Additive. Of classes with a propensity: ``n`` labels, the sums of their weights, of the weights of the
    right ones, and of the squares of weights, fixed-point; ``refused`` had too small a propensity."""

    n: int = 0
    weight: int = 0
    right: int = 0
    squares: int = 0
    refused: int = 0

    @classmethod
    def of(cls, propensity: Float64, right: NDArray[np.bool_]) -> Weighted:
        """float64[n] in (0, 1], other values: none given; bool[n]."""
        given = propensity > 0
        used = given & (propensity >= LEAST_PROPENSITY)
        weight = 1.0 / propensity[used]
        return cls(
            int(np.count_nonzero(used)),
            total(quantise(weight)),
            total(quantise(weight[right[used]])),
            total(quantise(weight**2)),
            int(np.count_nonzero(given)) - int(np.count_nonzero(used)),
        )

    def __bool__(self) -> bool:
        return bool(self.n or self.refused)

    def add(self, other: Weighted, sign: int = 1) -> None:
        self.n += sign * other.n
        self.weight += sign * other.weight
        self.right += sign * other.right
        self.squares += sign * other.squares
        self.refused += sign * other.refused

    @property
    def effective(self) -> float:
        """Labels of equal weight that would say as much (Kish): (sum of weights)² / sum of their squares."""
        return self.weight * self.weight / (self.squares * ONE) if self.squares else 0.0

    def accuracy(self) -> float:
        """Of all predictions, labelled or not; NaN below :data:`LEAST_EFFECTIVE` labels."""
        return self.right / self.weight if self.effective >= LEAST_EFFECTIVE else math.nan

    def to_wire(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "weight": self.weight,
            "right": self.right,
            "squares": self.squares,
            "refused": self.refused,
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Weighted:
        return cls(wire["n"], wire["weight"], wire["right"], wire["squares"], wire["refused"])
