"""What a pane is about."""

from __future__ import annotations

from typing import NamedTuple


class PaneKey(NamedTuple):
    """(model, version, segment, event-time bucket). ``[start_ms, start_ms + width_ms)``, UTC.

    The natural order is by time first: panes are closed and judged in this order.
    """

    start_ms: int
    width_ms: int
    model: str
    version: str
    segment: str

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.width_ms
