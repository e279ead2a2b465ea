"""Read given offsets of given partitions up to the present end, as replay, restore and export need it.

No group, no subscription, no commit: who reads what is the caller's decision, and reading leaves no trace.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as VendorPartition

from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import BrokerUnreachableError, OffsetGoneError, translate
from tiltmeter.kafka.retry import retry_transient

_POLL_SECONDS = 0.2


class TopicPartition(NamedTuple):
    """One log."""

    topic: str
    partition: int


class PartitionReader:
    """One read at a time. Raises KafkaLogErrors, of them BrokerUnreachableError after ``stall_seconds``."""

    def __init__(
        self, connection: KafkaConnection, *, batch_records: int = 10_000, stall_seconds: float = 30
    ) -> None:
        self._batch = batch_records
        self._stall = stall_seconds
        self._consumer = Consumer(
            {
                **connection.librdkafka(),
                # librdkafka wants a group's name even of a consumer that never joins it.
                "group.id": "tiltmeter-reader",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
            }
        )
        self._reading = False

    def earliest_offset(self, where: TopicPartition) -> int:
        """The first offset that retention has left."""
        return self._ends(where)[0]

    def latest_offset(self, where: TopicPartition) -> int:
        """The offset that the next record will have."""
        return self._ends(where)[1]

    def offsets_for_time(self, where: Sequence[TopicPartition], at_ms: int) -> dict[TopicPartition, int]:
        """Per partition the first offset whose record is at or after ``at_ms``; its end if there is none.

        The embedded broker cannot search by time: it finds none, ever.
        """
        asked = [VendorPartition(topic, partition, at_ms) for topic, partition in where]
        found = retry_transient(
            lambda: self._consumer.offsets_for_times(asked, self._stall),
            "search offsets by time",
            self._stall,
        )
        offsets = {}
        for answer in found:
            here = TopicPartition(answer.topic, answer.partition)
            if answer.error is not None:
                raise translate(
                    KafkaException(answer.error), f"search {here.topic}[{here.partition}] by time"
                )
            offsets[here] = answer.offset if answer.offset >= 0 else self.latest_offset(here)
        return offsets

    def offset_range(self, where: TopicPartition, from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
        """Offsets ``[first, end)`` of what is in the log now, between two Kafka timestamps (None: no bound).

        A log is in the order of arrival, not of time: the range begins with the first record at or after
        ``from_ms`` and stops before the first one at or after ``to_ms``, whatever stands between them.
        """
        first, end = self._ends(where)
        low, high = first, end
        if from_ms is not None:
            low = min(max(first, self.offsets_for_time([where], from_ms)[where]), end)
        if to_ms is not None:
            high = min(self.offsets_for_time([where], to_ms)[where], end)
        return low, max(low, high)

    def read_range(self, where: TopicPartition, first: int, end: int) -> Iterator[list[LogRecord]]:
        """The records of one partition in ``[first, end)`` in log order, in non-empty batches."""
        if first >= end:
            return
        for records in self.read_to_end(where, first):
            inside = [record for record in records if record.offset < end]
            if inside:
                yield inside
            if len(inside) < len(records):
                return

    def read_to_end(self, where: TopicPartition, from_offset: int | None = None) -> Iterator[list[LogRecord]]:
        """The records of one partition in log order, in non-empty batches. See read_many_to_end."""
        for _, records in self.read_many_to_end({where: from_offset}):
            yield records

    def read_many_to_end(
        self, start: Mapping[TopicPartition, int | None]
    ) -> Iterator[tuple[TopicPartition, list[LogRecord]]]:
        """Non-empty batches of several partitions, each in log order, interleaved as they arrive.

        ``start`` gives the first offset per partition, None for the earliest. The end is what it is when the
        first batch is asked for; later records are not delivered. Raises OffsetGoneError for an offset that
        is not in the log: a silent skip would be a gap in somebody's counts.
        """
        if self._reading:
            raise RuntimeError(
                "this PartitionReader is already reading: finish or close that iteration first"
            )
        self._reading = True
        try:
            ends = {}
            assignment = []
            for where, asked in start.items():
                first, end = self._ends(where)
                offset = first if asked is None else asked
                if not first <= offset <= end:
                    raise OffsetGoneError(
                        f"read {where.topic}[{where.partition}] from {offset}",
                        f"the log holds [{first}, {end})",
                    )
                if offset < end:
                    ends[where] = end
                    assignment.append(VendorPartition(where.topic, where.partition, offset))
            self._consumer.assign(assignment)
            yield from self._until(ends)
        finally:
            self._consumer.unassign()
            self._reading = False

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _until(self, ends: dict[TopicPartition, int]) -> Iterator[tuple[TopicPartition, list[LogRecord]]]:
        """Deliver until every partition's position has reached its end.

        Counting records would never end: compaction and the markers of transactions take offsets that are
        never delivered. A record at or beyond the end says that the end is reached, and so does librdkafka's
        own end-of-partition event, which comes when nothing visible is left.
        """
        heard_at = time.monotonic()
        while ends:
            messages = self._next_messages()
            if messages:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > self._stall:
                waiting = ", ".join(f"{topic}[{partition}]" for topic, partition in ends)
                raise BrokerUnreachableError(f"read {waiting}", f"nothing came for {self._stall:g} s")
            batches: dict[TopicPartition, list[LogRecord]] = {}
            for message in messages:
                where, offset = _position(message)
                end = ends.get(where)
                if end is None:
                    continue
                if _is_record(message) and offset < end:
                    batches.setdefault(where, []).append(_record(message, offset))
                if not _is_record(message) or offset + 1 >= end:
                    del ends[where]
            yield from batches.items()

    def _next_messages(self) -> list[Message]:
        """What is there, as soon as anything is: ``consume`` alone waits for a full batch or its timeout."""
        try:
            first = self._consumer.poll(_POLL_SECONDS)
            if first is None:
                return []
            return [first, *self._consumer.consume(self._batch - 1, 0)] if self._batch > 1 else [first]
        except KafkaException as error:
            raise translate(error, "read") from error

    def _ends(self, where: TopicPartition) -> tuple[int, int]:
        doing = f"read the offsets of {where.topic}[{where.partition}]"
        vendor = VendorPartition(where.topic, where.partition)
        return retry_transient(
            lambda: self._consumer.get_watermark_offsets(vendor, self._stall), doing, self._stall
        )


def _position(message: Message) -> tuple[TopicPartition, int]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return TopicPartition(topic, partition), offset


def _is_record(message: Message) -> bool:
    """False for the end-of-partition event; any other error is raised."""
    error = message.error()
    if error is None:
        return True
    if error.code() == KafkaError._PARTITION_EOF:
        return False
    raise translate(error, f"read {message.topic()}[{message.partition()}]")


def _record(message: Message, offset: int) -> LogRecord:
    headers = tuple((name, _bytes(value)) for name, value in _pairs(message))
    return LogRecord(offset, message.timestamp()[1], message.key(), message.value(), headers)


def _pairs(message: Message) -> Sequence[tuple[str, str | bytes | None]]:
    headers = message.headers() or ()
    return list(headers.items()) if isinstance(headers, dict) else headers


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
