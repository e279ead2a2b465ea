"""The bounded queue between the calling threads and the one that sends."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Condition, RLock

from tiltmeter.kafka.emit_port import Deliveries, Outgoing

#: What an event costs in memory besides its value: key, tuple, queue slot, librdkafka's message (measured).
EVENT_OVERHEAD_BYTES = 450


class Outbox:
    """Bounds events and bytes from acceptance until the broker has answered, wherever they wait.

    The lock is held for a few counters, never over I/O. It is reentrant because a signal handler or a
    finaliser that emits may interrupt an emission of the same thread.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._lock = RLock()
        self._settled = Condition(self._lock)
        self._waiting: deque[Outgoing] = deque()
        self.accepted = 0
        self.delivered = 0
        self.failed = 0
        self.dropped = 0
        self.bytes = 0
        self._shut = False

    def offer(self, event: Outgoing) -> bool:
        """Accept the event, or count it as dropped. The newest is dropped: the oldest may be in flight."""
        cost = len(event.value) + EVENT_OVERHEAD_BYTES
        with self._lock:
            depth = self.accepted - self.delivered - self.failed  # a property call would cost as much again
            if self._shut or depth >= self._max_events or self.bytes + cost > self._max_bytes:
                self.dropped += 1
                return False
            self.accepted += 1
            self.bytes += cost
            self._waiting.append(event)
            return True

    def shut(self) -> None:
        """Accept nothing more."""
        with self._lock:
            self._shut = True

    @property
    def depth(self) -> int:
        """Accepted and not settled."""
        return self.accepted - self.delivered - self.failed

    @property
    def waiting(self) -> int:
        """Accepted and not taken."""
        return len(self._waiting)

    def take(self, limit: int) -> list[Outgoing]:
        """The oldest events, in order; they still count against the bounds."""
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def put_back(self, events: Sequence[Outgoing]) -> None:
        """Return what was taken last and not sent."""
        with self._lock:
            self._waiting.extendleft(reversed(events))

    def settle(self, deliveries: Deliveries) -> None:
        """Make room."""
        count = deliveries.delivered + deliveries.failed
        with self._lock:
            self.delivered += deliveries.delivered
            self.failed += deliveries.failed
            self.bytes -= deliveries.settled_bytes + count * EVENT_OVERHEAD_BYTES
            if self.depth == 0:
                self._settled.notify_all()

    def wait_settled(self, timeout_seconds: float) -> bool:
        """True once every accepted event is settled."""
        with self._settled:
            return self._settled.wait_for(lambda: self.depth == 0, timeout_seconds)

    def counts(self) -> tuple[int, int, int, int, int]:
        """One consistent snapshot: accepted, delivered, failed, dropped, bytes."""
        with self._lock:
            return self.accepted, self.delivered, self.failed, self.dropped, self.bytes
