"""The bounded queue between the calling threads and the one that sends.

Callers take no lock. With one, a process with four busy threads spent more than 1 ms in every tenth call: whoever
had to wait for the lock owned it before it got the interpreter lock back, and all others queued up behind.
So what callers change are deques, whose operations are atomic, and everything else has one writer: the sender.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from threading import Condition
from typing import NamedTuple

from tiltmeter.emitter.count import Count
from tiltmeter.kafka.emit_port import Deliveries, Outgoing


class Books(NamedTuple):
    """One consistent snapshot; ``accepted = delivered + failed + depth``."""

    accepted: int
    delivered: int
    failed: int
    depth: int
    dropped: int
    room_bytes: int


class Outbox:
    """Bounds events and memory from acceptance until the broker has answered, wherever they wait.

    The bounds are exceeded by at most one event for each thread that is just emitting.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_kib = max(1, max_bytes >> 10)
        self._waiting: deque[Outgoing] = deque()
        self._room: deque[None] = deque()  # as long as the KiB that are taken: a length is an atomic sum
        self._dropped = Count()
        self._taken = self._delivered = self._failed = 0
        self._shut = False
        self._books = Condition()  # between sender, flush() and stats(); callers never touch it

    def offer(self, event: Outgoing) -> bool:
        """Accept the event, or count it as dropped. The newest is dropped: the oldest may be in flight."""
        if self._shut or self.depth >= self._max_events or len(self._room) >= self._max_kib:
            self._dropped.add()
            return False
        self._room.extend(repeat(None, event.room_kib))
        self._waiting.append(event)
        return True

    @property
    def depth(self) -> int:
        """Accepted and not settled. While events are being taken they may be counted twice, never missed."""
        return len(self._waiting) + self._taken - self._delivered - self._failed

    @property
    def waiting(self) -> int:
        """Accepted and not taken."""
        return len(self._waiting)

    def shut(self) -> None:
        """Accept nothing more."""
        self._shut = True

    def take(self, limit: int) -> list[Outgoing]:
        """The oldest events, in order; they still count against the bounds."""
        with self._books:
            count = min(limit, len(self._waiting))
            self._taken += count
            return [self._waiting.popleft() for _ in range(count)]

    def put_back(self, events: Sequence[Outgoing]) -> None:
        """Return what was taken last and not sent."""
        with self._books:
            self._waiting.extendleft(reversed(events))
            self._taken -= len(events)

    def settle(self, deliveries: Deliveries) -> None:
        """Make room."""
        with self._books:
            self._delivered += deliveries.delivered
            self._failed += deliveries.failed
            for _ in range(deliveries.settled_kib):
                self._room.popleft()
            if self.depth == 0:
                self._books.notify_all()

    def wait_settled(self, timeout_seconds: float) -> bool:
        """True once every accepted event is settled."""
        with self._books:
            return self._books.wait_for(lambda: self.depth == 0, timeout_seconds)

    def snapshot(self) -> Books:
        with self._books:
            depth = self.depth
            settled = self._delivered + self._failed
            dropped = self._dropped.value()
            room = len(self._room) << 10
            return Books(settled + depth, self._delivered, self._failed, depth, dropped, room)
