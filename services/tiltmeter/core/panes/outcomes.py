"""Sums over labelled predictions: what every performance metric is computed from.

A clipped term of a sum is 2**50, so that 2**14 of them leave the 64 bits of a JSON integer: on the wire a sum of
2**63 and more is its decimal text. A model of house prices without a reference gets there within a pane.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tiltmeter.core.panes.bounded_classes import ANOTHER, OTHER, bounded
from tiltmeter.core.panes.score_counts import ScoreCounts

#: Integer sums besides n and weight, in wire order: new ones go to the end. Classification: scored, brier, log_loss,
#: clipped, and what its detectors need: the square of the squared distance, and the log loss capped, as a
#: share of its cap (score_terms.py). Regression: the moments of error = prediction - label and of the label,
#: quantised (fixed_point.py); capped ones are shares of the reference's cap.
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
    "squared_brier",
    "capped_log_loss",
    "squared_capped_log_loss",
    "capped_error",
)
#: Always on the wire; later ones only as far as the last that is not zero, so that a pane that was written before
#: they existed is written again in the same bytes.
_ALWAYS = SUMS.index("squared_capped_loss") + 1
_WIDE = 1 << 63
#: Where classes are forgotten.
_RIGHT, _WRONG = ("+", "+"), ("+", "-")
#: What a wrong answer is called where only labels are kept: another name than the label's.
_UNLIKE = {ANOTHER: OTHER}
#: Sums that depend on the unit, and those that depend on its square.
_LINEAR, _SQUARE = ("error", "absolute_error", "target"), ("squared_error", "squared_target")


@dataclass(slots=True)
class Outcomes:
    """Additive. ``confusion[(predicted, actual)]`` counts classes by their canonical key; ``sums`` holds
    :data:`SUMS` as Python integers (they do not overflow); ``n`` counts labelled predictions, ``weight`` what
    they stand for when events are sampled. ``unit`` is the power of two in which errors and labels were quantised;
    sums in different units meet in the smaller one, exactly. ``scores`` counts the scored ones of a binary model;
    ``residuals`` and ``targets`` the errors and the labels of a regression over the bins of the version's first
    reference. The labels of a classification are the second classes of ``confusion``."""

    n: int = 0
    weight: int = 0
    confusion: dict[tuple[str, str], int] = field(default_factory=dict)
    sums: list[int] = field(default_factory=lambda: [0] * len(SUMS))
    unit: float = 1.0
    scores: ScoreCounts = field(default_factory=ScoreCounts)
    residuals: dict[int, int] = field(default_factory=dict)
    targets: dict[int, int] = field(default_factory=dict)

    def add(self, other: Outcomes, sign: int = 1) -> None:
        """Merge; ``sign=-1`` takes the same outcomes out again (a corrected label, a pane that leaves)."""
        self.amend(other, sign)
        self.confusion = {pair: n for pair, n in self.confusion.items() if n}

    def amend(self, other: Outcomes, sign: int = 1) -> None:
        """As :meth:`add`, but pairs of classes stay at zero: which classes are kept must not depend on the order in
        which corrections came (bounded_classes.py)."""
        self.n += sign * other.n
        self.weight += sign * other.weight
        for pair, n in other.confusion.items():
            self.confusion[pair] = self.confusion.get(pair, 0) + sign * n
        _add_counts(self.residuals, other.residuals, sign)
        _add_counts(self.targets, other.targets, sign)
        self.scores.add(other.scores, sign)
        if other.unit != self.unit:
            other = self._in_one_unit(other)
        self.sums = [mine + sign * theirs for mine, theirs in zip(self.sums, other.sums, strict=True)]

    def right_or_wrong(self) -> Outcomes:
        """A copy that has forgotten the classes: what is kept of a pane then does not grow with their number."""
        copy = Outcomes()
        copy.add(self)
        counts = {_RIGHT: self.correct, _WRONG: self.classified - self.correct}
        copy.confusion = {pair: n for pair, n in counts.items() if n}
        return copy

    def by_label(self) -> Outcomes:
        """A copy that knows of the answers only whether they were right: one pair of classes per label, or two."""
        copy = Outcomes()
        copy.add(self)
        counts: dict[tuple[str, str], int] = {}
        for (predicted, actual), n in self.confusion.items():
            pair = (actual if predicted == actual else _UNLIKE.get(actual, ANOTHER), actual)
            counts[pair] = counts.get(pair, 0) + n
        copy.confusion = {pair: n for pair, n in counts.items() if n}
        return copy

    def bound(self) -> None:
        """Fold what is beyond the most classes that keep their name."""
        self.confusion = bounded(self.confusion)

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
        used = [i for i, amount in enumerate(self.sums) if amount]
        sums = self.sums[: max(_ALWAYS, used[-1] + 1 if used else 0)]
        wire = {
            "n": self.n,
            "weight": self.weight,
            "unit": self.unit,
            "confusion": [
                [predicted, actual, n] for (predicted, actual), n in sorted(self.confusion.items())
            ],
            "sums": [amount if -_WIDE < amount < _WIDE else str(amount) for amount in sums],
        }
        if self.scores:
            wire["scores"] = self.scores.to_wire()
        if self.residuals:
            wire["residuals"] = sorted(self.residuals.items())
        if self.targets:
            wire["targets"] = sorted(self.targets.items())
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Outcomes:
        sums = [int(amount) for amount in wire["sums"]]
        return cls(
            n=wire["n"],
            weight=wire["weight"],
            confusion={(predicted, actual): n for predicted, actual, n in wire["confusion"]},
            sums=sums + [0] * (len(SUMS) - len(sums)),
            unit=wire["unit"],
            scores=ScoreCounts.from_wire(wire["scores"]) if "scores" in wire else ScoreCounts(),
            residuals=dict(wire.get("residuals", ())),
            targets=dict(wire.get("targets", ())),
        )


def _add_counts(into: dict[int, int], counts: dict[int, int], sign: int) -> None:
    """Bins that are at zero are absent: equal counts are equal bytes."""
    for place, n in counts.items():
        into[place] = into.get(place, 0) + sign * n
        if not into[place]:
            del into[place]


def _rescaled(sums: list[int], ratio: int) -> list[int]:
    """Sums in a unit that is ``ratio`` times smaller; ``ratio`` is a power of two, so nothing is rounded."""
    factor = dict.fromkeys(_LINEAR, ratio) | dict.fromkeys(_SQUARE, ratio * ratio)
    return [amount * factor.get(name, 1) for name, amount in zip(SUMS, sums, strict=True)]
