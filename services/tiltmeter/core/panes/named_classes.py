"""Which classes of one version keep their name in sums that panes enter and leave again."""

from __future__ import annotations

from collections.abc import Iterable

from tiltmeter.core.panes.bounded_classes import ANOTHER, MOST_CLASSES, OTHER, folded
from tiltmeter.core.panes.kept_names import kept
from tiltmeter.core.panes.outcomes import Outcomes


class NamedClasses:
    """The first :data:`MOST_CLASSES` that came, of one pane those with the smallest hashes; all others are folded
    together for good.

    A window subtracts what it once added, so what a class is called must not change in between: whoever is among
    the first is so for ever, and a class that came too late never is. Panes come in order of time, so all
    readers of them agree.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()

    def keep(self, classes: Iterable[str]) -> None:
        """Those of a reference keep their name however many have come before."""
        self.names.update(classes)

    def fold(self, outcomes: Outcomes) -> None:
        """Of a pane, or of what corrections change in one; in place."""
        fresh = {name for pair in outcomes.confusion for name in pair} - self.names - {OTHER, ANOTHER}
        if not fresh:
            return
        self.names.update(kept(fresh, max(MOST_CLASSES - len(self.names), 0)))
        if not fresh <= self.names:
            outcomes.confusion = folded(outcomes.confusion, self.names)
