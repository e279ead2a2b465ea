"""Two alarms of two timelines that hold at the same event time.

Prediction panes and label panes never wait for each other, so "both are firing now" would depend on which of them
is ahead. Here each side reports at which event times it began and ceased, and the two are laid over each other only
up to where both are complete: the answer is a function of the panes alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any


class Conjunction:
    """Any number of named sides; it holds while every side holds. A side that has said nothing does not hold."""

    def __init__(self, *sides: str) -> None:
        #: By side, since when it holds; None: it does not.
        self._since: dict[str, int | None] = dict.fromkeys(sides)
        self._reported: list[tuple[int, str, bool]] = []

    def report(self, side: str, at_ms: int, holds: bool) -> None:
        """From ``at_ms`` on the side holds, or does not. Event time; of one side strictly ascending."""
        self._reported.append((at_ms, side, holds))

    def advance(self, complete_to_ms: int) -> Iterator[tuple[int, dict[str, int]]]:
        """For every change up to ``complete_to_ms`` when it was, and since when each side holds; empty if not all of
        them do any more. No report of that time or an earlier one may still come."""
        due = sorted(item for item in self._reported if item[0] <= complete_to_ms)
        self._reported = [item for item in self._reported if item[0] > complete_to_ms]
        for at_ms, reports in groupby(due, key=itemgetter(0)):
            held = self._all()
            self._since.update({side: at_ms if holds else None for _, side, holds in reports})
            if bool(self._all()) != bool(held):
                yield at_ms, self._all()

    def _all(self) -> dict[str, int]:
        holding = {side: since for side, since in self._since.items() if since is not None}
        return holding if len(holding) == len(self._since) else {}

    def snapshot(self) -> dict[str, Any]:
        return {"since": self._since, "reported": sorted(self._reported)}

    def restore(self, wire: dict[str, Any]) -> None:
        self._since = dict(wire["since"])
        self._reported = [(at_ms, side, holds) for at_ms, side, holds in wire["reported"]]
