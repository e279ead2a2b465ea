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
        self._holds = dict.fromkeys(sides, False)
        self._reported: list[tuple[int, str, bool]] = []

    def report(self, side: str, at_ms: int, holds: bool) -> None:
        """From ``at_ms`` on the side holds, or does not. Event time; of one side strictly ascending."""
        self._reported.append((at_ms, side, holds))

    def advance(self, complete_to_ms: int) -> Iterator[tuple[int, bool]]:
        """(when, whether all hold) for every change up to ``complete_to_ms``: no report of that time or an
        earlier one may still come."""
        due = sorted(item for item in self._reported if item[0] <= complete_to_ms)
        self._reported = [item for item in self._reported if item[0] > complete_to_ms]
        for at_ms, reports in groupby(due, key=itemgetter(0)):
            before = all(self._holds.values())
            self._holds.update({side: holds for _, side, holds in reports})
            if all(self._holds.values()) != before:
                yield at_ms, not before

    def snapshot(self) -> dict[str, Any]:
        return {"holds": self._holds, "reported": sorted(self._reported)}

    def restore(self, wire: dict[str, Any]) -> None:
        self._holds = dict(wire["holds"])
        self._reported = [(at_ms, side, holds) for at_ms, side, holds in wire["reported"]]
