"""Which rows of a group go to which panes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.counting.plain_rows import FEW
from tiltmeter.core.join.rows_by import rows_by
from tiltmeter.core.join.segmentation import Dimension
from tiltmeter.events.columns import Int64


class Parts:
    """``taken`` bool[n]: rows of the batch that count; ``start`` int64[n]: the start of each one's pane."""

    def __init__(self, taken: NDArray[np.bool_], start: Int64) -> None:
        self._taken = taken
        self._start = start

    def of(self, rows: Int64, own: Sequence[Dimension]) -> Iterator[tuple[str, int, Int64 | list[int]]]:
        """(segment, start of the pane, positions within ``rows``): the whole first, then by segment and start. A few
        positions are a list."""
        if rows.size <= FEW and not own:
            yield from self._of_few(rows.tolist())
            return
        members = np.flatnonzero(self._taken[rows])
        start = self._start[rows]
        parts = [("", members)]
        for dimension in own:
            by_code = rows_by(dimension.codes[members])
            parts += [(dimension.segments[code], members[chosen]) for (code,), chosen in by_code]
        for segment, part in parts:
            for (start_ms,), chosen in rows_by(start[part]):
                members = part[chosen]
                yield segment, start_ms, members.tolist() if members.size <= FEW else members

    def _of_few(self, rows: list[int]) -> Iterator[tuple[str, int, list[int]]]:
        taken, start = self._lists
        by_start: dict[int, list[int]] = {}
        for at, row in enumerate(rows):
            if taken[row]:
                by_start.setdefault(start[row], []).append(at)
        for start_ms in sorted(by_start):
            yield "", start_ms, by_start[start_ms]

    @cached_property
    def _lists(self) -> tuple[list[bool], list[int]]:
        return self._taken.tolist(), self._start.tolist()
