"""The one thread that talks to Kafka.

Callers only append to the outbox. They do not call the Kafka client themselves because each of its delivery
reports takes the interpreter lock, which in a busy process makes the caller wait for other threads: with four
busy threads the 99th percentile of a call was 7.9 ms when callers polled, 0.01 ms this way.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

from tiltmeter.emitter.outbox import Outbox
from tiltmeter.kafka.emit_port import Deliveries, OpenTransport, Outgoing, Transport

BATCH_EVENTS = 1_000
POLL_SECONDS = 0.02
REOPEN_SECONDS = 1.0
JOIN_SECONDS = 1.0


class Sender:
    """Started with the first event of a process, stopped by :meth:`close`."""

    def __init__(self, outbox: Outbox, open_transport: OpenTransport, complain: Callable[..., None]) -> None:
        self._outbox = outbox
        self._open_transport = open_transport
        self._complain = complain
        self._transport: Transport | None = None
        self._wake = Event()
        self._stop = Event()
        self._steady = Event()
        self._steady.set()
        self._sleeping = False
        self._thread = Thread(target=self._run, name="tiltmeter-emitter", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """There is something in the outbox. Nearly free while the thread is busy anyway."""
        if self._sleeping:
            self._sleeping = False  # one caller wakes it; the next ones need not queue for the same lock
            self._wake.set()

    def close(self) -> None:
        """Stop; what is still in the outbox is settled as failed."""
        self._stop.set()
        self._wake.set()
        self._thread.join(JOIN_SECONDS)

    def await_steady(self, timeout_seconds: float) -> bool:
        """Before a fork: wait while a new connection is being made.

        The client's threads then look up host names. A child forked in that moment inherits the C library's
        resolver lock in its locked state, and its own lookups wait for ever (measured: 2 in 100 forks within
        10 ms of the first event).
        """
        return self._steady.wait(timeout_seconds)

    def abandon(self) -> None:
        """In a forked child, where the thread does not exist."""
        if self._transport is not None:
            self._transport.abandon()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._outbox.depth == 0:
                self._sleep()
            elif self._transport is None:
                self._open()
            else:
                self._round(self._transport)
        if self._transport is not None:
            self._settle(self._transport.close())
            self._transport = None
        self._give_up("the emitter was closed before the broker answered")

    def _sleep(self) -> None:
        self._wake.clear()
        # First say so, then look again: an event offered in between either is seen here or sees the flag.
        self._sleeping = True
        if self._outbox.depth == 0 and not self._stop.is_set():
            self._wake.wait()
        self._sleeping = False

    def _round(self, transport: Transport) -> None:
        batch = self._outbox.take(BATCH_EVENTS)
        for position, event in enumerate(batch):
            if not transport.send(event):
                self._outbox.put_back(batch[position:])
                break
        deliveries = transport.poll(0.0 if len(batch) == BATCH_EVENTS else POLL_SECONDS)
        self._settle(deliveries)
        if deliveries.delivered or deliveries.failed:
            self._steady.set()
        if deliveries.fatal:
            self._transport = None
            self._settle(transport.close())

    def _open(self) -> None:
        self._steady.clear()
        try:
            self._transport = self._open_transport()
        except ValueError as error:
            self._steady.set()
            self._give_up(str(error))
            self._stop.wait(REOPEN_SECONDS)

    def _give_up(self, reason: str) -> None:
        lost: list[Outgoing] = self._outbox.take(self._outbox.waiting)
        if lost:
            room = sum(event.room_kib for event in lost)
            self._settle(Deliveries(0, len(lost), room, reason))

    def _settle(self, deliveries: Deliveries) -> None:
        """What failed is said before it is settled: no line is still to be written when a flush has returned."""
        if deliveries.failed:
            self._complain(
                "delivery",
                "%d events were not delivered: %s. Check that the broker is reachable, that the topics exist "
                "and that this service may write to them.",
                deliveries.failed,
                deliveries.error,
            )
        self._outbox.settle(deliveries)
