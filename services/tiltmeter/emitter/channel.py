"""Everything of an emitter that belongs to one process: queue, sending thread, counts."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

from tiltmeter.emitter.lifetime import PROCESS
from tiltmeter.emitter.outbox import Outbox
from tiltmeter.emitter.sender import Sender
from tiltmeter.emitter.stats import EmitterStats
from tiltmeter.kafka.emit_port import OpenTransport, Outgoing


class Channel:
    """Starts with the first event; a forked child begins with an empty one."""

    def __init__(
        self,
        open_transport: OpenTransport,
        complain: Callable[..., None],
        max_events: int,
        max_bytes: int,
        exit_timeout: float,
    ) -> None:
        self.exit_timeout = exit_timeout
        self._open_transport = open_transport
        self._complain = complain
        self._bounds = (max_events, max_bytes)
        self._closed = False
        self._begin()

    def offer(self, event: Outgoing) -> bool:
        """Queue the event without waiting for anything; False: dropped and counted."""
        if self._closed:
            self.count("dropped_closed")
            return False
        sender = self._sender or self._start()
        if not self._outbox.offer(event):
            self._complain(
                "queue_full",
                "An event was dropped: %d wait for Kafka. Check that the broker is reachable and keeps up.",
                self._outbox.depth,
            )
            return False
        sender.notify()
        return True

    def count(self, kind: str, count: int = 1) -> None:
        """Add to one of the fields of :class:`EmitterStats` that are not about the queue."""
        with self._lock:
            self._tally[kind] = self._tally.get(kind, 0) + count

    def stats(self) -> EmitterStats:
        accepted, delivered, failed, full, queue_bytes = self._outbox.counts()
        with self._lock:
            tally = dict(self._tally)
        depth = accepted - delivered - failed
        return EmitterStats(accepted, delivered, failed, depth, queue_bytes, full, **tally)

    def flush(self, timeout: float) -> bool:
        return self._outbox.wait_settled(timeout)

    def close(self, timeout: float | None = None) -> bool:
        self._closed = True
        flushed = self.flush(self.exit_timeout if timeout is None else timeout)
        self._outbox.shut()
        if self._sender is not None:
            self._sender.close()
        PROCESS.release(self)
        return flushed

    def forked(self) -> None:
        """In a forked child: what the parent queued is the parent's to deliver."""
        if self._sender is not None:
            self._sender.abandon()
        self._begin()

    def _begin(self) -> None:
        # The locks are new too: a thread that did not survive the fork may have held the old ones.
        self._lock = RLock()
        self._tally: dict[str, int] = {}
        self._outbox = Outbox(*self._bounds)
        self._sender: Sender | None = None

    def _start(self) -> Sender:
        with self._lock:
            if self._sender is None:
                self._sender = Sender(self._outbox, self._open_transport, self._complain)
                PROCESS.adopt(self)
            return self._sender
