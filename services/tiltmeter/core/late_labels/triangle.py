"""The reporting triangle: predictions by cohort, and labels by cohort and by how long they took.

              label took ≤ 1 h   ≤ 6 h   ≤ 1 d   …
    Monday          ▮              ▮       ▮
    Tuesday         ▮              ▮       ·     not old enough yet
    Wednesday       ▮              ·       ·

Chain-ladder reserving in insurance and nowcasting in epidemiology estimate what is still to come from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tiltmeter.core.panes.answers import MOST_CLASSES, OTHER_CLASSES, fold
from tiltmeter.core.panes.kept_names import kept
from tiltmeter.core.panes.outcomes import Outcomes

#: Predicted class → [labelled, of these right].
Tally = dict[str, list[int]]
#: The "class" of labelled numbers: they count for coverage and are neither right nor wrong.
NUMBERS = "(number)"


@dataclass(slots=True)
class Cohort:
    """``predicted`` successful predictions, by class; labels by age bucket, and by step: how many cohort widths
    after the cohort's start they became known. ``scored`` predictions promise ``expected`` errors, and the sum of
    the squares of their error probabilities is ``expected_squares``, both fixed-point."""

    predicted: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    ages: dict[int, Tally] = field(default_factory=dict)
    steps: dict[int, Tally] = field(default_factory=dict)
    scored: int = 0
    expected: int = 0
    expected_squares: int = 0

    def within(self, buckets: int) -> Tally:
        """Labels of the first ``buckets`` age buckets, under the names the predictions are counted by."""
        found = total(tally for age, tally in self.ages.items() if age < buckets)
        return named_like(self.classes, found)


class Triangle:
    """Cohorts of one width. Labels beyond ``buckets`` age buckets are left out: nobody asks for them here."""

    def __init__(self, cohort_ms: int, buckets: int, with_steps: bool) -> None:
        self.cohort_ms = cohort_ms
        self.buckets = buckets
        self.with_steps = with_steps
        self.cohorts: dict[int, Cohort] = {}
        self._from_ms: int | None = None  # older cohorts are forgotten

    def add_predictions(
        self, start_ms: int, predicted: int, classes: dict[str, int], promised: tuple[int, int, int]
    ) -> None:
        """A pane of predictions; ``promised``: scored, expected, expected_squares."""
        cohort = self._cohort(start_ms)
        if cohort is None:
            return
        cohort.predicted += predicted
        cohort.scored += promised[0]
        cohort.expected += promised[1]
        cohort.expected_squares += promised[2]
        for name, n in classes.items():
            cohort.classes[name] = cohort.classes.get(name, 0) + n
        cohort.classes = fold(cohort.classes)

    def add_labels(self, cohort_ms: int, age: int, tally: Tally, known_ms: int) -> None:
        """A cell of a label pane that starts at ``known_ms``."""
        cohort = self._cohort(cohort_ms) if age < self.buckets else None
        if cohort is None:
            return
        _add(cohort.ages.setdefault(age, {}), tally)
        if self.with_steps:
            step = max(known_ms - cohort_ms // self.cohort_ms * self.cohort_ms, 0) // self.cohort_ms
            _add(cohort.steps.setdefault(step, {}), tally)

    def forget(self, before_ms: int) -> None:
        """Cohorts that start earlier, for good."""
        self._from_ms = before_ms
        for start in [start for start in self.cohorts if start < before_ms]:
            del self.cohorts[start]

    def _cohort(self, at_ms: int) -> Cohort | None:
        start = at_ms // self.cohort_ms * self.cohort_ms
        if self._from_ms is not None and start < self._from_ms:
            return None
        return self.cohorts.setdefault(start, Cohort())

    def snapshot(self) -> dict[str, Any]:
        return {
            "buckets": self.buckets,
            "with_steps": self.with_steps,
            "from": self._from_ms,
            "cohorts": [
                [
                    start,
                    c.predicted,
                    dict(sorted(c.classes.items())),
                    _rows(c.ages),
                    _rows(c.steps),
                    [c.scored, c.expected, c.expected_squares],
                ]
                for start, c in sorted(self.cohorts.items())
            ],
        }

    def restore(self, wire: dict[str, Any]) -> None:
        """One that kept less than is asked now is left: its cohorts would look as if labels had not come."""
        if wire["buckets"] < self.buckets or (self.with_steps and not wire["with_steps"]):
            return
        self._from_ms = wire["from"]
        self.cohorts = {
            start: Cohort(predicted, dict(classes), _tallies(ages), _tallies(steps), *promised)
            for start, predicted, classes, ages, steps, promised in wire["cohorts"]
        }


def tally_of(outcomes: Outcomes) -> Tally:
    """What a cell of a label pane says of each predicted class."""
    if not outcomes.confusion:
        scored = outcomes.sum("scored")
        return {NUMBERS: [scored, 0]} if scored else {}
    tally: Tally = {}
    for (predicted, actual), n in sorted(outcomes.confusion.items()):
        counts = tally.setdefault(predicted, [0, 0])
        counts[0] += n
        counts[1] += n * (predicted == actual)
    return tally


def total(tallies: Iterable[Tally]) -> Tally:
    found: Tally = {}
    for tally in tallies:
        _add(found, tally)
    return found


def named_like(classes: dict[str, int], tally: Tally) -> Tally:
    """The tally under the names by which ``classes`` counts predictions: what is not among them is counted with
    the others, as its predictions are."""
    named: Tally = {}
    for name, counts in tally.items():
        known = name in classes or name == NUMBERS or OTHER_CLASSES not in classes
        _add(named, {name if known else OTHER_CLASSES: counts})
    return named


def _add(into: Tally, tally: Tally) -> None:
    for name, (labelled, right) in tally.items():
        counts = into.setdefault(name, [0, 0])
        counts[0] += labelled
        counts[1] += right
    names = [name for name in into if name not in (OTHER_CLASSES, NUMBERS)]
    if len(names) > MOST_CLASSES:
        other = into.setdefault(OTHER_CLASSES, [0, 0])
        for name in set(names) - set(kept(names, MOST_CLASSES)):
            labelled, right = into.pop(name)
            other[0] += labelled
            other[1] += right


def _rows(tallies: dict[int, Tally]) -> list[Any]:
    return [
        [key, [[name, *counts] for name, counts in sorted(tally.items())]]
        for key, tally in sorted(tallies.items())
    ]


def _tallies(rows: list[Any]) -> dict[int, Tally]:
    return {key: {name: [n, right] for name, n, right in tally} for key, tally in rows}
