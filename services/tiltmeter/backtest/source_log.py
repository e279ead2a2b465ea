"""Where a backtest reads from: the topics, or files of JSON lines (or an archive, see ``tiltmeter.archive``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.topics import TopicNames

#: Records per batch; results do not depend on it.
BATCH = 4096


@dataclass(frozen=True, slots=True)
class SourceLog:
    """One side of one partition: batches of records in log order, and how many there are in all."""

    partition: int
    side: str
    records: int
    batches: Iterator[list[LogRecord]]


def topic_logs(
    connection: KafkaConnection, names: TopicNames, from_ms: int | None, to_ms: int | None
) -> list[SourceLog]:
    """Every partition of both source topics, between two Kafka timestamps. Belongs to no group, commits nothing."""
    topics = {PREDICTIONS: names.predictions, FEEDBACK: names.feedback}
    counts = TopicAdmin(connection).partition_counts(list(topics.values()))
    logs = []
    for side, topic in topics.items():
        for partition in range(counts[topic]):
            where = TopicPartition(topic, partition)
            with PartitionReader(connection) as reader:
                first, end = reader.offset_range(where, from_ms, to_ms)
            logs.append(SourceLog(partition, side, end - first, _read(connection, where, first, end)))
    return logs


def _read(
    connection: KafkaConnection, where: TopicPartition, first: int, end: int
) -> Iterator[list[LogRecord]]:
    with PartitionReader(connection, batch_records=BATCH) as reader:
        yield from even_batches(
            record for records in reader.read_range(where, first, end) for record in records
        )


def even_batches(records: Iterable[LogRecord]) -> Iterator[list[LogRecord]]:
    """``BATCH`` records each: how a network happens to cut them must not even change the order of the output."""
    remaining = iter(records)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def file_logs(predictions: Path, feedback: Path | None) -> list[SourceLog]:
    """Files of JSON lines as partition 0. A file has no Kafka timestamps, so event time alone moves it."""
    logs = [_file_log(PREDICTIONS, predictions)]
    if feedback is not None:
        logs.append(_file_log(FEEDBACK, feedback))
    return logs


def _file_log(side: str, path: Path) -> SourceLog:
    with path.open("rb") as lines:
        count = sum(1 for line in lines if line.strip())
    return SourceLog(0, side, count, _lines(path))


def _lines(path: Path) -> Iterator[list[LogRecord]]:
    with path.open("rb") as lines:
        whole = (line.strip() for line in lines if line.strip())
        yield from even_batches(LogRecord(offset, -1, None, line) for offset, line in enumerate(whole))
