"""What a model answered: predictions per class, and the scores of a binary classifier by what it said.

Known without a label, and so before any label. Against it labels are counted: how many have come, and of what.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tiltmeter.core.panes.kept_names import kept
from tiltmeter.core.panes.score_counts import BINS
from tiltmeter.events.columns import Int64

#: Classes counted by name (:mod:`kept_names`); the others together under a name of their own.
MOST_CLASSES, OTHER_CLASSES = 20, "(other)"
#: Rows of ``scores``: how many said 0, the sum of their scores, and the same for 1.
N0, SUM0, N1, SUM1 = range(4)
#: Scores that are remembered one by one before they are counted in.
_MOST_PLACES = 256


class Answers:
    """Additive. ``classes`` counts answers by canonical class key; ``scores`` is int64[4, 256] over the bins of
    :mod:`tiltmeter.core.panes.score_counts`, or None if no answer 0 or 1 came with a score in [0, 1]; sums of scores
    are fixed-point. A few scores are held one by one until they are looked at."""

    __slots__ = ("_few", "_scores", "classes")

    def __init__(self, classes: dict[str, int] | None = None, scores: Int64 | None = None) -> None:
        self.classes = {} if classes is None else classes
        self._scores = scores
        self._few: list[tuple[int, int, int]] = []  # bin, whether 1 was said, score in fixed point

    @classmethod
    def of_few(cls, classes: dict[str, int], scores: Iterable[tuple[int, int, int]]) -> Answers:
        """``scores``: (bin, whether 1 was said, score in fixed point), one by one."""
        answers = cls(classes)
        answers._few = list(scores)
        return answers

    @property
    def scores(self) -> Int64 | None:
        if self._few:
            counts = np.zeros((4, BINS), dtype=np.int64)
            for place, one, score in self._few:
                counts[N1 if one else N0, place] += 1
                counts[SUM1 if one else SUM0, place] += score
            self._scores = counts if self._scores is None else self._scores + counts
            self._few = []
        return self._scores

    @scores.setter
    def scores(self, scores: Int64 | None) -> None:
        self._scores, self._few = scores, []

    def __bool__(self) -> bool:
        return bool(self.classes) or bool(self._few) or self._scores is not None

    def add(self, other: Answers, sign: int = 1) -> None:
        """Merge. Taking out again is exact for the scores, and for classes as long as none had to be folded."""
        if other.classes:
            self.classes = fold(_sum(self.classes, other.classes, sign))
        if sign == 1 and other._scores is None:
            self._few = self._few + other._few
            if len(self._few) > _MOST_PLACES:
                _ = self.scores
            return
        mine, theirs = self.scores, other.scores
        if theirs is not None:
            total = sign * theirs if mine is None else mine + sign * theirs
            self.scores = total if total.any() else None

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {"classes": dict(sorted(self.classes.items()))}
        if self._scores is None and self._few:
            columns: dict[int, list[int]] = {}
            for place, one, score in self._few:
                column = columns.setdefault(place, [0, 0, 0, 0])
                column[N1 if one else N0] += 1
                column[SUM1 if one else SUM0] += score
            wire["scores"] = [[place, *columns[place]] for place in sorted(columns)]
        elif (scores := self.scores) is not None:
            bins = np.flatnonzero(scores.any(axis=0))
            wire["scores"] = [[int(b), *scores[:, b].tolist()] for b in bins]
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Answers:
        answers = cls(dict(wire["classes"]))
        if "scores" in wire:
            scores = np.zeros((4, BINS), dtype=np.int64)
            for place, *counts in wire["scores"]:
                scores[:, place] = counts
            answers.scores = scores
        return answers


def fold(classes: dict[str, int]) -> dict[str, int]:
    """At most MOST_CLASSES by name and the rest together; the order of merging does not show."""
    names = [name for name in classes if name != OTHER_CLASSES]
    if len(names) <= MOST_CLASSES:
        return classes
    by_name = {name: classes[name] for name in kept(names, MOST_CLASSES)}
    by_name[OTHER_CLASSES] = sum(classes.values()) - sum(by_name.values())
    return by_name


def _sum(mine: dict[str, int], theirs: dict[str, int], sign: int) -> dict[str, int]:
    total = dict(mine)
    for name, n in theirs.items():
        left = total.get(name, 0) + sign * n
        if left:
            total[name] = left
        else:
            total.pop(name, None)
    return total
