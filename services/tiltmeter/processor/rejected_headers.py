"""Where a rejected event came from and why it could not be used, as Kafka headers (semantics 22)."""

from __future__ import annotations

from tiltmeter import __version__
from tiltmeter.events.columns import Rejected

PREFIX = "__tiltmeter.errors."


def rejected_headers(item: Rejected, topic: str, partition: int) -> list[tuple[str, bytes]]:
    """The original headers, then ours. (topic, partition, offset) names the event: a repetition is one event."""
    ours = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(item.offset),
        "timestamp": str(item.timestamp),
        "reason": str(item.reason),
        "message": item.detail,
        "app.version": __version__,
    }
    return [
        *item.headers,
        *((PREFIX + name, value.encode("utf-8", "replace")) for name, value in ours.items()),
    ]
