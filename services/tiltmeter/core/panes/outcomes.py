"""Sums over labelled predictions: what every performance metric is computed from.

A clipped term of a sum is 2**50, so that 2**14 of them leave the 64 bits of a JSON integer: on the wire a sum of
2**63 and more is its decimal text. A model of house prices without a reference gets there within a pane.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Integer sums besides n and weight, in wire order. Classification: scored, brier, log_loss, clipped.
#: Regression: the moments of error = prediction - label and of the label, quantised (fixed_point.py).
SUMS = (
    "scored",
    "brier",
    "log_loss",
    "clipped",
    "error",
    "absolute_error",
    "squared_error",
    "target",
    "squared_target",
    "capped_loss",
    "squared_capped_loss",
)
_WIDE = 1 << 63
#: Sums that depend on the unit, and those that depend on its square.
_LINEAR, _SQUARE = ("error", "absolute_error", "target"), ("squared_error", "squared_target")


@dataclass(slots=True)
class Outcomes:
    """Additive. ``confusion[(predicted, actual)]`` counts classes by their canonical key; ``sums`` holds
    :data:`SUMS` as Python integers (they do not overflow); ``n`` counts labelled predictions, ``weight`` what
    they stand for when events are sampled. ``unit`` is the power of two in which errors and labels were quantised;
    sums in different units meet in the smaller one, exactly."""

    n: int = 0
    weight: int = 0
    confusion: dict[tuple[str, str], int] = field(default_factory=dict)
    sums: list[int] = field(default_factory=lambda: [0] * len(SUMS))
    unit: float = 1.0

    def add(self, other: Outcomes, sign: int = 1) -> None:
        """Merge; ``sign=-1`` takes the same outcomes out again (a corrected label, a pane that leaves)."""
        self.n += sign * other.n
        self.weight += sign * other.weight
        for cell, count in other.confusion.items():
            left = self.confusion.get(cell, 0) + sign * count
            if left:
                self.confusion[cell] = left
            else:
                self.confusion.pop(cell, None)
        if other.unit != self.unit:
            other = self._in_one_unit(other)
        self.sums = [mine + sign * theirs for mine, theirs in zip(self.sums, other.sums, strict=True)]

    def _in_one_unit(self, other: Outcomes) -> Outcomes:
        """Put ``self`` into the smaller unit; returns ``other`` in it. What is all zero has no unit yet."""
        if not any(self.sums):
            self.unit = other.unit
        elif any(other.sums):
            smaller = min(self.unit, other.unit)
            self.sums, self.unit = _rescaled(self.sums, int(self.unit / smaller)), smaller
            other = Outcomes(sums=_rescaled(other.sums, int(other.unit / smaller)), unit=smaller)
        return other

    def sum(self, name: str) -> int:
        return self.sums[SUMS.index(name)]

    @property
    def classified(self) -> int:
        """Labelled predictions that are classes."""
        return sum(self.confusion.values())

    @property
    def correct(self) -> int:
        return sum(count for (predicted, actual), count in self.confusion.items() if predicted == actual)

    def to_wire(self) -> dict[str, Any]:
        cells = [[predicted, actual, n] for (predicted, actual), n in sorted(self.confusion.items())]
        sums = [amount if -_WIDE < amount < _WIDE else str(amount) for amount in self.sums]
        return {"n": self.n, "weight": self.weight, "unit": self.unit, "confusion": cells, "sums": sums}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Outcomes:
        confusion = {(predicted, actual): n for predicted, actual, n in wire["confusion"]}
        return cls(
            wire["n"], wire["weight"], confusion, [int(amount) for amount in wire["sums"]], wire["unit"]
        )


def _rescaled(sums: list[int], ratio: int) -> list[int]:
    """Sums in a unit that is ``ratio`` times smaller; ``ratio`` is a power of two, so nothing is rounded."""
    factor = dict.fromkeys(_LINEAR, ratio) | dict.fromkeys(_SQUARE, ratio * ratio)
    return [amount * factor.get(name, 1) for name, amount in zip(SUMS, sums, strict=True)]
