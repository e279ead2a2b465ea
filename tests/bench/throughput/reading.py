"""What a reader that ends by itself says: how many events, from when to when. Its arguments are JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


class Reading:
    """Count up to ``events``, then print and end the process, whatever else still runs in it."""

    def __init__(self, events: int) -> None:
        self._left = self._events = events
        self._begin = 0.0

    def count(self, events: int = 1) -> None:
        """So many more are done. The first ones start the clock and do not count: start-up is excluded."""
        if not self._begin:
            self._begin = time.time()
            self._events -= events
        self._left -= events
        if self._left <= 0:
            said = {"events": self._events, "begin": self._begin, "end": time.time()}
            print(json.dumps(said), file=sys.__stdout__, flush=True)
            os._exit(0)


def arguments() -> dict[str, Any]:
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given
