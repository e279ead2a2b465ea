"""One signal followed by ADWIN: its window, how often it was cut, and when last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tiltmeter.core.drift.adwin import AdwinUpdate, PaneAdwin
from tiltmeter.core.drift.snapshot import Snapshot
from tiltmeter.core.panes.key import PaneKey


class Cut(NamedTuple):
    """Event times: ``at_ms``, the end of the pane that made ADWIN cut; ``changed_ms``, the start of the first pane
    after the most likely change."""

    at_ms: int
    changed_ms: int


class AdaptiveMean:
    """``window`` is as of the last pane with values; its mean is NaN before the first."""

    def __init__(self) -> None:
        self._adwin = PaneAdwin()
        self.window: AdwinUpdate = self._adwin.update()
        self.cuts = {"up": 0, "down": 0}
        self.last_cut: Cut | None = None

    def on_pane(self, key: PaneKey, n: int, total: float, squares: float) -> None:
        """``n`` values in [0, 1], their sum and the sum of their squares; without values nothing changes."""
        if n == 0:
            return
        self.window = self._adwin.on_pane(n, total, squares, key.start_ms)
        if self.window.cut is not None and self.window.change_point_ms is not None:
            self.cuts[self.window.cut] += 1
            self.last_cut = Cut(key.end_ms, self.window.change_point_ms)

    def snapshot(self) -> Snapshot:
        last_cut = list(self.last_cut) if self.last_cut else None
        return {"adwin": self._adwin.snapshot(), "cuts": self.cuts, "last_cut": last_cut}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self._adwin.restore(snapshot["adwin"])
        self.window = self._adwin.update()
        self.cuts = dict(snapshot["cuts"])
        last_cut = snapshot["last_cut"]
        self.last_cut = Cut(*last_cut) if last_cut else None
