"""Notice producers that put events into partitions where the join does not look for them.

A producer that hashes keys differently (librdkafka's default is CRC32) sends a prediction and its feedback to
different partitions, and neither ever meets the other. murmur2 in Python costs 4 µs, so a sample is checked.
"""

from __future__ import annotations

from collections.abc import Sequence

from tiltmeter.kafka.partitioner import partition_for
from tiltmeter.processor.stage import Record

#: Records checked per batch (semantics 23).
SAMPLE = 16


def misplaced(records: Sequence[Record], partition: int, partitions: int) -> int:
    """How many of up to 16 records, spread over the batch, have a key that hashes to another partition."""
    step = max(1, len(records) // SAMPLE)
    sample = [record.key for record in records[::step][:SAMPLE]]
    return sum(key is not None and partition_for(key, partitions) != partition for key in sample)
