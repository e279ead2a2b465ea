"""The Kafka producer's configuration: what callers may choose, and what they may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Kafka's own clients partition by murmur2; librdkafka's default is CRC32. With the default, predictions and
#: feedback of other producers agree on a partition for one key in seven (of six), and the join starves.
PARTITIONER = "murmur2_random"

DEFAULTS: dict[str, Any] = {
    "linger.ms": 20,
    "compression.type": "lz4",
    "client.id": "tiltmeter-emitter",
    "log_level": 0,  # librdkafka writes to stderr by itself; what matters is counted and logged by us
}
_FIXED: dict[str, Any] = {"partitioner": PARTITIONER, "enable.idempotence": True, "acks": "all"}
_EQUAL = {"acks": ("all", -1, "-1"), "enable.idempotence": (True, "true", "True")}
_ALIASES = {"request.required.acks": "acks", "metadata.broker.list": "bootstrap.servers"}
_OURS = {
    "bootstrap.servers": "pass it as bootstrap_servers",
    "queue.buffering.max.messages": "set max_queue",
    "queue.buffering.max.kbytes": "set max_queue_bytes",
    "on_delivery": "read stats()",
    "delivery.report.only.error": "read stats()",
    "transactional.id": "the emitter is idempotent, not transactional",
    "default.topic.config": "write its entries at the top level",
}
_MAX_KBYTES = 2_097_151  # librdkafka's own limit


def producer_config(
    bootstrap_servers: str, overrides: Mapping[str, Any] | None, max_queue: int, max_queue_bytes: int
) -> dict[str, Any]:
    """Raises ValueError, with what to do, for a setting that would break the join or a promise."""
    for key, value in (overrides or {}).items():
        name = _ALIASES.get(key, key)
        if name in _FIXED and value not in _EQUAL.get(name, (_FIXED[name],)):
            raise ValueError(
                f"config[{key!r}] is {value!r}; the emitter needs {_FIXED[name]!r}: {_why(name)}. Remove it."
            )
        if name in _OURS:
            raise ValueError(f"config[{key!r}] is not yours to set: {_OURS[name]}")
    return {
        **DEFAULTS,
        **(overrides or {}),
        **_FIXED,
        "bootstrap.servers": bootstrap_servers,
        "queue.buffering.max.messages": max_queue,
        "queue.buffering.max.kbytes": min(max_queue_bytes // 1024 + 1, _MAX_KBYTES),
    }


def _why(name: str) -> str:
    if name == "partitioner":
        return "another partitioner sends predictions and their feedback to different partitions"
    return "a lost or repeated event makes the monitor's counts wrong"
