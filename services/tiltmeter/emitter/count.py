"""A counter that many threads may advance without a lock."""

from __future__ import annotations

from itertools import count
from threading import Lock


class Count:
    """``itertools.count`` advances atomically; reading it advances it too, so readings are taken off again.

    A lock here would hurt serving: a thread that waits for a lock gets it while it still waits for the
    interpreter lock, and every caller queues up behind the two (see ``outbox.py``).
    """

    def __init__(self) -> None:
        self.add = count().__next__
        self._readings = 0
        self._reading = Lock()

    def value(self) -> int:
        with self._reading:
            total = self.add() - self._readings
            self._readings += 1
            return total
