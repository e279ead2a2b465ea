"""Write to the log from asyncio: every record ends as an offset or as an exception, none is dropped.

One background thread serves librdkafka's delivery reports and hands them to the event loop in batches: a
thread switch per poll, not per record.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import KafkaLogError, translate
from tiltmeter.kafka.producer_settings import producer_settings

Headers = Sequence[tuple[str, bytes | None]]

#: How long the thread waits for a report before it looks whether it should end.
_POLL_SECONDS = 0.1

log = logging.getLogger(__name__)


class LogProducer:
    """Idempotent, acknowledged by all replicas in sync. Make and use it inside one running event loop."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        compression: str = "lz4",
        linger_ms: float = 5,
        max_queued: int = 100_000,
        delivery_timeout_seconds: float = 120,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        settings = producer_settings(
            connection,
            compression=compression,
            linger_ms=linger_ms,
            max_queued=max_queued,
            delivery_timeout_seconds=delivery_timeout_seconds,
        )
        self._producer = Producer(settings, logger=log)
        self._reports: deque[tuple[asyncio.Future[int], int | KafkaLogError]] = deque()
        self._waiting_for_room: deque[asyncio.Future[None]] = deque()
        self._outstanding = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-producer", daemon=True)
        self._thread.start()

    async def produce(
        self,
        topic: str,
        partition: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        *,
        timestamp_ms: int | None = None,
    ) -> asyncio.Future[int]:
        """Queue one record; the future it returns becomes its offset, or raises a KafkaLogError.

        Awaits only while the queue is full, so records of one task keep their order. ``partition`` None lets
        the key decide (murmur2). Raises RecordRefusedError at once for a record larger than any topic takes.
        """
        delivered: asyncio.Future[int] = self._loop.create_future()
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    -1 if partition is None else partition,
                    on_delivery=partial(self._report, delivered),
                    timestamp=0 if timestamp_ms is None else timestamp_ms,
                    headers=list(headers),
                )
            except BufferError:
                # Something is outstanding, so a report is still to come, and it wakes us after this line.
                room = self._loop.create_future()
                self._waiting_for_room.append(room)
                await room
            except KafkaException as error:
                raise translate(error, f"write to {topic}") from error
            else:
                break
        self._outstanding += 1
        self._idle.clear()
        return delivered

    async def flush(self) -> None:
        """Return when every record so far is acknowledged or failed; failures stay in their futures."""
        await self._idle.wait()

    async def close(self, timeout_seconds: float = 30) -> None:
        """Flush, then end the thread. What is not acknowledged in time fails. Safe to call twice."""
        if self._ending.is_set():
            return
        try:
            await asyncio.wait_for(self.flush(), timeout_seconds)
        except TimeoutError:
            self._producer.purge()
            await self.flush()
        self._ending.set()
        await asyncio.to_thread(self._thread.join)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def _report(self, delivered: asyncio.Future[int], error: KafkaError | None, message: Message) -> None:
        """On the background thread, once per record."""
        if error is not None:
            self._reports.append((delivered, translate(error, f"write to {message.topic()}")))
        else:
            offset = message.offset()
            self._reports.append((delivered, -1 if offset is None else offset))

    def _serve(self) -> None:
        while not self._ending.is_set():
            self._producer.poll(_POLL_SECONDS)
            if self._reports:
                try:
                    self._loop.call_soon_threadsafe(self._deliver, len(self._reports))
                except RuntimeError:  # the loop is closed: nobody waits any more
                    return

    def _deliver(self, count: int) -> None:
        """On the event loop, once per poll."""
        for _ in range(min(count, len(self._reports))):
            delivered, result = self._reports.popleft()
            self._outstanding -= 1
            if delivered.done():  # its owner was cancelled
                continue
            if isinstance(result, KafkaLogError):
                delivered.set_exception(result)
            else:
                delivered.set_result(result)
        if self._outstanding == 0:
            self._idle.set()
        while self._waiting_for_room:
            room = self._waiting_for_room.popleft()
            if not room.done():
                room.set_result(None)
