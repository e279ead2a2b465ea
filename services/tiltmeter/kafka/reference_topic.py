"""References in their compacted topic: the newest record of a key counts."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reader import PartitionReader, TopicPartition


def publish_reference(connection: KafkaConnection, topic: str, profile: ReferenceProfile) -> int:
    """Acknowledged by all replicas; returns the size on the wire in bytes."""
    key, value = reference_record(profile)
    with BlockingProducer(connection) as producer:
        producer.produce(topic, 0, key, value)
    return len(value)


def reference_record(profile: ReferenceProfile) -> tuple[bytes, bytes]:
    """Key and value. The key is what a reference is for, so a better one for the same replaces it."""
    key = f"{profile.model}\x1f{profile.version}\x1f{profile.effective_from_ms}"
    if profile.segment:
        key += f"\x1f{profile.segment}"
    return key.encode(), zlib.compress(profile.to_json(), 9)


class ReferenceTopic:
    """Reads on from where the last :meth:`fresh` ended."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._where = TopicPartition(topic, 0)
        self._next: int | None = None

    def fresh(self) -> Iterator[ReferenceProfile]:
        """References published since the last call. Raises ReferenceFormatError for a damaged one."""
        with PartitionReader(self._connection) as reader:
            for records in reader.read_to_end(self._where, self._next):
                for record in records:
                    self._next = record.offset + 1
                    profile = _profile(record)
                    if profile is not None:
                        yield profile


def _profile(record: LogRecord) -> ReferenceProfile | None:
    return None if record.value is None else ReferenceProfile.from_json(zlib.decompress(record.value))
