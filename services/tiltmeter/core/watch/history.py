"""The outcomes of the recent past, pane by pane, to be drawn as performance over time. They decide nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts

#: Panes kept: an hour of panes of ten seconds. At most 1 KB each in memory, 200 bytes in a snapshot.
KEPT = 360


class History:
    """The last ``kept`` panes that had a label, each as the sums of its outcomes."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._panes: dict[int, Outcomes] = {}

    def add(self, start_ms: int, outcomes: Outcomes) -> None:
        """Panes come in order of time; one without labels is left out."""
        if outcomes.n == 0:
            return
        self._panes.setdefault(start_ms, Outcomes()).add(_folded(outcomes))
        if len(self._panes) > self._kept:
            del self._panes[next(iter(self._panes))]

    def amend(self, start_ms: int, change: Outcomes) -> None:
        """Change what a pane counted, if it is still kept. Sums are integers, so the change is exact."""
        if start_ms in self._panes:
            self._panes[start_ms].add(_folded(change))

    def __iter__(self) -> Iterator[tuple[int, Outcomes]]:
        """(start_ms, outcomes) in order of time; of the classes only right and wrong are left."""
        return iter(self._panes.items())

    def __len__(self) -> int:
        return len(self._panes)

    def snapshot(self) -> list[tuple[int, dict[str, Any]]]:
        return [(start_ms, outcomes.to_wire()) for start_ms, outcomes in self._panes.items()]

    def restore(self, wire: list[Any]) -> None:
        self._panes = {start_ms: Outcomes.from_wire(outcomes) for start_ms, outcomes in wire}


def _folded(outcomes: Outcomes) -> Outcomes:
    folded = outcomes.right_or_wrong()
    folded.scores, folded.residuals, folded.targets = ScoreCounts(), {}, {}
    return folded
