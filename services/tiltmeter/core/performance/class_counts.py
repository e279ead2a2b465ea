"""The margins of a confusion matrix: every metric of classes needs only these and its diagonal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from tiltmeter.core.panes.bounded_classes import ANOTHER, OTHER, bounded
from tiltmeter.core.panes.outcomes import Outcomes


class ClassScores(NamedTuple):
    """Of one class. NaN where undefined: no precision without a prediction, no recall without a label."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """K classes in ascending order with int[K] each: right, predicted and true ones. Beyond 100 classes the rest is
    one class, "(other)", in which right and wrong are still told apart."""

    names: tuple[str, ...]
    right: tuple[int, ...]
    predicted: tuple[int, ...]
    actual: tuple[int, ...]

    @classmethod
    def of(cls, outcomes: Outcomes) -> ClassCounts:
        right: dict[str, int] = {}
        predicted: dict[str, int] = {}
        actual: dict[str, int] = {}
        for (said, truth), n in bounded(outcomes.confusion).items():
            if said == truth:
                right[said] = right.get(said, 0) + n
            true = OTHER if truth == ANOTHER else truth
            predicted[said] = predicted.get(said, 0) + n
            actual[true] = actual.get(true, 0) + n
        names = tuple(sorted(predicted.keys() | actual.keys()))
        columns = (tuple(counts.get(name, 0) for name in names) for counts in (right, predicted, actual))
        return cls(names, *columns)

    @property
    def n(self) -> int:
        return sum(self.actual)

    def scores(self, name: str, undefined: float = math.nan) -> ClassScores:
        """Of one class. A class that never came has nothing defined."""
        if name not in self.names:
            return ClassScores(undefined, undefined, undefined)
        i = self.names.index(name)
        right, predicted, actual = self.right[i], self.predicted[i], self.actual[i]
        return ClassScores(
            right / predicted if predicted else undefined,
            right / actual if actual else undefined,
            2 * right / (predicted + actual) if predicted + actual else undefined,
        )

    def by_class(self) -> dict[str, ClassScores]:
        return {name: self.scores(name) for name in self.names}

    def macro(self) -> ClassScores:
        """Mean over classes; what is undefined counts as 0, as scikit-learn has it with ``zero_division=0``."""
        return self._mean([1.0] * len(self.names))

    def weighted(self) -> ClassScores:
        """Mean over classes by how often each is true; otherwise as :meth:`macro`."""
        return self._mean([float(n) for n in self.actual])

    def micro(self) -> ClassScores:
        """Over all labels at once. With one class per label all three are the accuracy."""
        n = self.n
        return ClassScores(*[sum(self.right) / n if n else math.nan] * 3)

    def _mean(self, weights: list[float]) -> ClassScores:
        whole = math.fsum(weights)
        if not whole:
            return ClassScores(math.nan, math.nan, math.nan)
        columns = zip(*(self.scores(name, undefined=0.0) for name in self.names), strict=True)
        return ClassScores(
            *(math.fsum(v * w for v, w in zip(column, weights, strict=True)) / whole for column in columns)
        )
