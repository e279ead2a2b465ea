"""From topics to an archive: what is in the log when the run begins, between two Kafka timestamps.

Belongs to no group, commits nothing. Records that a compacting or transactional log does not deliver are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiltmeter.archive.layout import new_topic_folder
from tiltmeter.archive.write import TopicWriter
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.topics import TopicNames

#: What can be exported, and the folder each goes to; the names are without the prefix, so that an archive can be
#: replayed by a Tiltmeter with another one.
TOPICS = ("predictions", "feedback", "panes", "alerts", "rejected")


@dataclass(frozen=True, slots=True)
class TopicSlice:
    """Offsets ``[first, end)`` of every partition of one topic. ``name`` is Kafka's, ``topic`` of ``TOPICS``."""

    topic: str
    name: str
    ranges: Sequence[tuple[int, int]]

    @property
    def records(self) -> int:
        """At most; a log may hold less than its offsets say."""
        return sum(end - first for first, end in self.ranges)


def topic_slices(
    connection: KafkaConnection,
    names: TopicNames,
    topics: Sequence[str],
    since_ms: int | None,
    until_ms: int | None,
) -> list[TopicSlice]:
    """Raises TopicMissingError for the first topic that does not exist."""
    named = {topic: f"{names.prefix}.{topic}" for topic in topics}
    counts = TopicAdmin(connection).partition_counts(list(named.values()))
    with PartitionReader(connection) as reader:
        return [
            TopicSlice(
                topic,
                name,
                [
                    reader.offset_range(TopicPartition(name, partition), since_ms, until_ms)
                    for partition in range(counts[name])
                ],
            )
            for topic, name in named.items()
        ]


def export_topic(
    connection: KafkaConnection,
    part: TopicSlice,
    topic_folder: Path,
    rows_per_file: int,
    progress: Callable[[int], None],
) -> TopicWriter:
    """Write ``topic_folder`` anew, whole or not at all. Raises OffsetGoneError if retention was faster."""
    with new_topic_folder(topic_folder) as folder:
        writer = TopicWriter(folder, part.topic, rows_per_file)
        for partition, (first, end) in enumerate(part.ranges):
            where = TopicPartition(part.name, partition)
            writer.write(partition, _read(connection, where, first, end, progress))
    return writer


def _read(
    connection: KafkaConnection,
    where: TopicPartition,
    first: int,
    end: int,
    progress: Callable[[int], None],
) -> Iterator[list[LogRecord]]:
    with PartitionReader(connection) as reader:
        for records in reader.read_range(where, first, end):
            yield records
            progress(len(records))
