"""Everything of an emitter that belongs to one process: queue, sending thread, counts."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

from tiltmeter.emitter.count import Count
from tiltmeter.emitter.lifetime import PROCESS
from tiltmeter.emitter.outbox import Outbox
from tiltmeter.emitter.sender import Sender
from tiltmeter.emitter.stats import EmitterStats
from tiltmeter.kafka.emit_port import OpenTransport, Outgoing

#: A fork waits this long for a connection that is being made; without Kafka it would wait in vain.
FORK_PATIENCE_SECONDS = 0.5
#: The fields of EmitterStats that are not about the queue.
TALLIES = ("dropped_unserialisable", "dropped_closed", "sampled_out", "nulled_features")


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
        """Add to one of ``TALLIES``."""
        for _ in range(count):
            self._tally[kind].add()

    def stats(self) -> EmitterStats:
        books = self._outbox.snapshot()
        return EmitterStats(
            accepted=books.accepted,
            delivered=books.delivered,
            failed_delivery=books.failed,
            queue_depth=books.depth,
            queue_bytes=books.room_bytes,
            dropped_queue_full=books.dropped,
            **{kind: tally.value() for kind, tally in self._tally.items()},
        )

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

    def before_fork(self) -> None:
        if self._sender is not None:
            self._sender.await_steady(FORK_PATIENCE_SECONDS)

    def forked(self) -> None:
        """In a forked child: what the parent queued is the parent's to deliver."""
        if self._sender is not None:
            self._sender.abandon()
        self._begin()

    def _begin(self) -> None:
        # The locks are new too: a thread that did not survive the fork may have held the old ones.
        self._starting = RLock()
        self._tally = {kind: Count() for kind in TALLIES}
        self._outbox = Outbox(*self._bounds)
        self._sender: Sender | None = None

    def _start(self) -> Sender:
        with self._starting:
            if self._sender is None:
                PROCESS.adopt(self)  # first, so that no fork finds a sender without its hooks
                self._sender = Sender(self._outbox, self._open_transport, self._complain)
            return self._sender
