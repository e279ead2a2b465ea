"""What a prediction and its feedback share: the Kafka key, hence the partition, hence the join."""

from __future__ import annotations

import os
from random import Random
from uuid import UUID

MAX_CHARACTERS = 256


class IdSource:
    """128 random bits in 32 hex digits, never the same in two processes.

    Not ``uuid4`` or ``os.urandom``: they give up the interpreter lock for a system call, and in a process with
    busy threads it takes a while to come back (with four of them it doubled the p99 of a call).
    Unique, not secret: an id that must not be guessed is the caller's to make.
    """

    def __init__(self) -> None:
        self._owner = 0

    def __call__(self) -> str:
        if self._owner != os.getpid():  # first use, or a forked child holding its parent's state
            self._bits = Random().getrandbits  # seeded by the operating system
            self._owner = os.getpid()
        return f"{self._bits(128):032x}"


def id_text(value: object) -> str:
    """The id as it travels. Raises TypeError or ValueError: an id that is guessed joins the wrong rows."""
    if not isinstance(value, str):
        item = getattr(value, "item", None)
        number = item() if callable(item) else value  # numpy integers, without importing numpy
        if isinstance(number, bool) or not isinstance(number, UUID | int):
            raise TypeError("prediction_id is a string, a UUID or an integer")
        value = str(number)
    if not 1 <= len(value) <= MAX_CHARACTERS:
        raise ValueError(f"prediction_id has 1 to {MAX_CHARACTERS} characters")
    return value
