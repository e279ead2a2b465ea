"""Write to the log from a command: no event loop, no thread, an answer when the block ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import BrokerUnreachableError, KafkaLogError, RecordRefusedError, translate
from tiltmeter.kafka.producer_settings import producer_settings

_POLL_SECONDS = 0.1

log = logging.getLogger(__name__)


class BlockingProducer:
    """``with BlockingProducer(connection) as producer``: leaving the block flushes and raises what failed.

    The same promises as LogProducer. ``acknowledged`` counts the records that all replicas have.
    """

    def __init__(
        self, connection: KafkaConnection, *, compression: str = "lz4", delivery_timeout_seconds: float = 120
    ) -> None:
        self._producer = Producer(
            producer_settings(
                connection,
                compression=compression,
                delivery_timeout_seconds=delivery_timeout_seconds,
            ),
            logger=log,
        )
        self._timeout = delivery_timeout_seconds
        self._failure: KafkaLogError | None = None
        self.acknowledged = 0

    def produce(
        self,
        topic: str,
        partition: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        *,
        timestamp_ms: int | None = None,
        on_refused: Callable[[RecordRefusedError], None] | None = None,
    ) -> None:
        """Queue one record, waiting while the queue is full. Raises the first failure so far.

        ``on_refused`` is told if the broker will never take this record, or one of those it travelled with, and
        that is no failure then; at the latest :meth:`flush` calls it.
        """
        while True:
            self._raise_failure()
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    -1 if partition is None else partition,
                    on_delivery=self._report if on_refused is None else self._or_tell(on_refused),
                    timestamp=0 if timestamp_ms is None else timestamp_ms,
                    headers=list(headers),
                )
            except BufferError:
                self._producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                failure = translate(error, f"write to {topic}")
                if on_refused is None or not isinstance(failure, RecordRefusedError):
                    raise failure from error
                on_refused(failure)
                return
            else:
                self._producer.poll(0)
                return

    def flush(self) -> None:
        """Return when all is acknowledged; raises the first failure."""
        left = self._producer.flush(self._timeout + 1)
        self._raise_failure()
        if left:
            raise BrokerUnreachableError("flush", f"{left} records are not acknowledged")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.flush()
        else:
            self._producer.purge()

    def _or_tell(
        self, on_refused: Callable[[RecordRefusedError], None]
    ) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, message: Message) -> None:
            failure = None if error is None else translate(error, f"write to {message.topic()}")
            if isinstance(failure, RecordRefusedError):
                on_refused(failure)
            else:
                self._report(error, message)

        return report

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged += 1
        elif self._failure is None:
            self._failure = translate(error, f"write to {message.topic()}")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
