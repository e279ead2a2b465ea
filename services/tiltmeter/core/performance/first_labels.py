"""A classifier's first labels as its reference (``from_first``): they are taken as good.

Classes are named by all labels, but label panes are halved like the panes of a learned reference
(``reference_building/learner.py``): drift of labels compares the classes that the one half has named, by the counts
of the other. So a reference needs two panes at least.
"""

from __future__ import annotations

from typing import Any

from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance.losses import learned
from tiltmeter.core.reference.profile import Performance


class FirstLabels:
    """Collects label panes until they hold ``needed`` classified labels, and those that are counted a quarter of it.
    A pane goes to the half that has less."""

    def __init__(self, needed: int) -> None:
        self._needed = needed
        self._choosing, self._counting = Outcomes(), Outcomes()

    def on_pane(self, outcomes: Outcomes) -> Performance | None:
        """The reference, with the pane that completes it."""
        behind = self._counting.classified < self._choosing.classified
        half = self._counting if behind else self._choosing
        half.add(outcomes.by_label())
        half.bound()
        if 4 * self._counting.classified < self._needed:
            return None
        every = Outcomes()
        every.add(self._choosing)
        every.add(self._counting)
        every.bound()
        if every.classified < self._needed:
            return None
        return learned(every, _labels(self._choosing), _labels(self._counting))

    def snapshot(self) -> dict[str, Any]:
        return {"first": self._choosing.to_wire(), "first_counted": self._counting.to_wire()}

    def restore(self, wire: dict[str, Any]) -> None:
        self._choosing = Outcomes.from_wire(wire["first"])
        self._counting = Outcomes.from_wire(wire["first_counted"])


def _labels(outcomes: Outcomes) -> dict[str, int]:
    labels: dict[str, int] = {}
    for (_, actual), n in outcomes.confusion.items():
        labels[actual] = labels.get(actual, 0) + n
    return labels
