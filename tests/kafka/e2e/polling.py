"""Wait for what a process of its own will do: look again until it has happened or the deadline has passed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

INTERVAL_SECONDS = 0.1


def eventually(look: Callable[[], T], seconds: float, what: Callable[[], str] = str) -> T:
    """The first true answer of ``look``. AssertionError with ``what()`` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s. {what()}")
        time.sleep(INTERVAL_SECONDS)
    return seen
