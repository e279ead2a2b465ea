"""Events of another model, far later in event time: their watermarks close every pane that is still open."""

from __future__ import annotations

from tiltmeter.emitter import Emitter
from tiltmeter.kafka.partitioner import partition_for

MODEL = "sentinel"


def send_sentinels(emitter: Emitter, partitions: int, at_ms: int) -> None:
    """One prediction and its label into every source partition, after all that was sent before."""
    missing, number = set(range(partitions)), 0
    while missing:
        identity = f"sentinel-{number}"
        number += 1
        partition = partition_for(identity.encode(), partitions)
        if partition in missing:
            missing.remove(partition)
            emitter.prediction({}, 1, prediction_id=identity, at=at_ms, model=MODEL)
            emitter.feedback(identity, 1, at=at_ms)
    everything_arrived(emitter)


def everything_arrived(emitter: Emitter) -> None:
    """Acknowledged by the broker, and nothing dropped on the way."""
    assert emitter.flush(60), emitter.stats()
    stats = emitter.stats()
    dropped = stats.dropped_queue_full + stats.dropped_unserialisable + stats.dropped_closed
    assert stats.accepted == stats.delivered, stats
    assert dropped == 0, stats
