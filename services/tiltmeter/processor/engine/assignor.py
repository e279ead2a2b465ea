"""Keeps partition p of co-partitioned topics on one worker."""

from __future__ import annotations

from typing import Any

from faust.assignor.partition_assignor import PartitionAssignor


class CoPartitioningAssignor(PartitionAssignor):
    """Faust's assignor without standby replicas.

    Faust's Kafka driver uses the app's assignor only while the app has a table or standby replicas, and round
    robin otherwise, which splits predictions[p] from feedback[p]. So the app sets `table_standby_replicas=1`;
    but with replicas this assignor fills workers to the brim, and some get nothing. It has no tables to
    replicate: ignore it.
    """

    def __init__(self, app: Any, replicas: int = 0) -> None:
        super().__init__(app, replicas=0)
