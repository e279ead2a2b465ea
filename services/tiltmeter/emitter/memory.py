"""A transport without Kafka: for the tests of serving code, and for ours."""

from __future__ import annotations

from collections import deque
from threading import Condition

from tiltmeter.kafka.emit_port import Deliveries, Outgoing


class MemoryTransport:
    """A broker in a list. Pass ``lambda: transport`` as ``open_transport``.

    >>> transport = MemoryTransport()
    >>> transport.send(Outgoing("t.predictions", b"id", b"{}")), transport.poll(0).delivered
    (True, 1)
    >>> transport.delivered[0].key
    b'id'
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self.delivered: list[Outgoing] = []
        self._capacity = capacity
        self._pending: deque[Outgoing] = deque()
        self._up = True
        self._refusal: str | None = None
        self._changed = Condition()

    def go_down(self) -> None:
        """From now on nothing is acknowledged."""
        with self._changed:
            self._up = False

    def come_up(self) -> None:
        """What waits is delivered by the next poll."""
        with self._changed:
            self._up = True
            self._changed.notify_all()

    def refuse(self, reason: str | None) -> None:
        """Events fail with ``reason`` (topic missing, not authorised); None: accepted again."""
        with self._changed:
            self._refusal = reason

    def values(self, topic: str) -> list[bytes]:
        """Delivered values of a topic, in order."""
        return [event.value for event in list(self.delivered) if event.topic == topic]

    def send(self, event: Outgoing) -> bool:
        with self._changed:
            if len(self._pending) >= self._capacity:
                return False
            self._pending.append(event)
            return True

    def poll(self, timeout_seconds: float) -> Deliveries:
        with self._changed:
            if not (self._up and self._pending):
                self._changed.wait(timeout_seconds)
            return self._settle(self._refusal) if self._up else Deliveries()

    def close(self) -> Deliveries:
        with self._changed:
            return self._settle("closed")

    def abandon(self) -> None:
        self._changed = Condition()

    def _settle(self, refusal: str | None) -> Deliveries:
        events = list(self._pending)
        self._pending.clear()
        room = sum(event.room_kib for event in events)
        if refusal is not None and events:
            return Deliveries(0, len(events), room, refusal)
        self.delivered.extend(events)
        return Deliveries(len(events), 0, room)
