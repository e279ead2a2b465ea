"""Alerts as they are published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.topics import TopicNames


class AlertFeed:
    """Reads on from where the last :meth:`fresh` ended."""

    def __init__(self, connection: KafkaConnection, names: TopicNames) -> None:
        self._reader = PartitionReader(connection)
        self._where = TopicPartition(names.alerts, 0)
        self._next: int | None = None

    def fresh(self) -> Iterator[dict[str, Any]]:
        for records in self._reader.read_to_end(self._where, self._next):
            for record in records:
                self._next = record.offset + 1
                if record.value is not None:
                    yield orjson.loads(record.value)

    def close(self) -> None:
        self._reader.close()
