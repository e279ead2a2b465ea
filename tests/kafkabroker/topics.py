"""Topics for tests, usable when the call returns."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic


def create_topics(
    bootstrap: str,
    *names: str,
    partitions: int = 1,
    replication: int = 1,
    config: Mapping[str, str] | None = None,
) -> None:
    """Create topics and wait until every partition has a leader that clients can see."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = [NewTopic(name, partitions, replication, config=dict(config or {})) for name in names]
    for created in admin.create_topics(new).values():
        created.result()
    deadline = time.monotonic() + 30
    for name in names:
        while True:
            seen = admin.list_topics(name, timeout=10).topics[name].partitions
            if len(seen) == partitions and all(partition.leader >= 0 for partition in seen.values()):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"topic {name} has no leader for every partition after 30 s: {seen}")
