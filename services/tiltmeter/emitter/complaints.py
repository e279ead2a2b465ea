"""Log lines that cannot flood: at most one a minute of each kind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

logger = logging.getLogger("tiltmeter.emitter")

INTERVAL_MS = 60_000


class Complaints:
    """Every complaint is counted by its owner as well; the log is for the person who wonders why."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._last_ms: dict[str, int] = {}

    def __call__(self, kind: str, message: str, *details: object) -> None:
        now_ms = self._clock()
        last_ms = self._last_ms.get(kind)
        if last_ms is not None and 0 <= now_ms - last_ms < INTERVAL_MS:
            return
        self._last_ms[kind] = now_ms
        # A handler is the service's own code. One that raises must neither reach the caller nor end the sender.
        with suppress(Exception):
            logger.warning(message + " Further lines of this kind follow at most once a minute.", *details)
