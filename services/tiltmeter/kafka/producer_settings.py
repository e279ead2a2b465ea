"""The one configuration of a producer whose records may be counted: in order, once, where the key says."""

from __future__ import annotations

from tiltmeter.kafka.connection import Config, KafkaConnection
from tiltmeter.kafka.topics import SNAPSHOT_BYTES

#: Room for a record's headers and framing beside the largest value.
_FRAMING_BYTES = 64 * 1024


def producer_settings(
    connection: KafkaConnection,
    *,
    compression: str = "lz4",
    linger_ms: float = 5,
    max_queued: int = 100_000,
    delivery_timeout_seconds: float = 120,
) -> Config:
    """librdkafka properties; ``connection.extra`` may tune, but not undo, them (see PROMISED).

    ``max_queued`` records or 256 MiB may wait for acknowledgement. lz4 costs the least CPU of the codecs that
    every client reads.
    """
    return {
        "compression.type": compression,
        "linger.ms": linger_ms,
        "queue.buffering.max.messages": max_queued,
        "queue.buffering.max.kbytes": 256 * 1024,
        "message.max.bytes": SNAPSHOT_BYTES + _FRAMING_BYTES,
        "delivery.timeout.ms": int(delivery_timeout_seconds * 1000),
        **connection.librdkafka(),
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
    }
