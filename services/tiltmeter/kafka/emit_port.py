"""The port between the emitter and a Kafka client. Imports nothing, so that serving code may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

#: What an event costs in memory besides its value: key, tuple, queue slot, librdkafka's message (measured).
EVENT_OVERHEAD_BYTES = 450
#: What the headers of an envelope cost more: tuples in the queue, or librdkafka's copies (measured, the larger).
ENVELOPE_BYTES = 700


def room_kib(value_bytes: int, enveloped: bool = False) -> int:
    """What an event with a value of this size counts against the bound on memory, in KiB."""
    return (value_bytes + EVENT_OVERHEAD_BYTES + enveloped * ENVELOPE_BYTES + 1023) >> 10


class Outgoing(NamedTuple):
    """One event on its way."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()

    @property
    def room_kib(self) -> int:
        return room_kib(len(self.value), bool(self.headers))


class Deliveries(NamedTuple):
    """What became of earlier events since the last report."""

    delivered: int = 0
    failed: int = 0
    settled_kib: int = 0  # the sum of room_kib over both
    error: str | None = None  # the last failure, for the log
    fatal: bool = False  # this transport can do nothing more: open another


class Transport(Protocol):
    """Used by one thread at a time. All implementations pass ``tests/kafka/test_emitter_contract.py``."""

    def send(self, event: Outgoing) -> bool:
        """Take over one event without waiting; False: full now, poll and try again. Never raises.

        Events of one key arrive in the order of sending. An event that can never be delivered is taken
        too and comes back as failed.
        """

    def poll(self, timeout_seconds: float) -> Deliveries:
        """What happened since the last call; waits up to the timeout if nothing did. Never raises.

        Every event taken is reported exactly once, as delivered (all replicas have it) or as failed.
        """

    def close(self) -> Deliveries:
        """Give up what is undelivered (reported as failed) and release threads and sockets."""

    def abandon(self) -> None:
        """In a forked child: forget the parent's connection without touching it."""


#: Opens a transport; called once per process. Raises ValueError if the configuration is unusable.
OpenTransport = Callable[[], Transport]
