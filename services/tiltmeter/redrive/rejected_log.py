"""The rejected topic between two times, as far as it goes when the run begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.topics import TopicNames


class _Part(NamedTuple):
    """Offsets of one partition: asked for are ``[first, to)``, marks stand in ``[first, end)``."""

    first: int
    to: int
    end: int


class RejectedLog:
    """Times are those of the rejection: the Kafka timestamps of the rejected topic. Belongs to no group."""

    def __init__(
        self, connection: KafkaConnection, names: TopicNames, from_ms: int | None, to_ms: int | None
    ) -> None:
        self._connection = connection
        count = TopicAdmin(connection).partition_counts([names.rejected])[names.rejected]
        with PartitionReader(connection) as reader:
            self._parts = {
                where: _part(reader, where, from_ms, to_ms)
                for where in (TopicPartition(names.rejected, number) for number in range(count))
            }

    @property
    def asked(self) -> int:
        """How many records :meth:`events` reads, at most."""
        return sum(max(part.to - part.first, 0) for part in self._parts.values())

    @property
    def marked(self) -> int:
        """How many records :meth:`marks` reads, at most."""
        return sum(part.end - part.first for part in self._parts.values())

    def marks(self) -> Iterator[list[LogRecord]]:
        """Everything from the first time on: a mark stands behind its event, perhaps after the second time."""
        yield from self._read({where: part.end for where, part in self._parts.items()})

    def events(self) -> Iterator[list[LogRecord]]:
        yield from self._read({where: part.to for where, part in self._parts.items()})

    def _read(self, ends: dict[TopicPartition, int]) -> Iterator[list[LogRecord]]:
        start: dict[TopicPartition, int | None] = {
            where: part.first for where, part in self._parts.items() if part.first < ends[where]
        }
        with PartitionReader(self._connection, batch_records=500) as reader:
            for where, records in reader.read_many_to_end(start):
                inside = [record for record in records if record.offset < ends[where]]
                if inside:
                    yield inside


def _part(reader: PartitionReader, where: TopicPartition, from_ms: int | None, to_ms: int | None) -> _Part:
    first, to = reader.offset_range(where, from_ms, to_ms)
    return _Part(first, to, max(reader.latest_offset(where), to))
