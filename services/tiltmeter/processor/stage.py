"""What the engine asks of a stage (JOIN, WATCH), and what it promises in return.

A stage is written against this page alone: it never sees Faust, aiokafka or a consumer group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Record(Protocol):
    """One record as it stands in the log."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...  # Kafka's timestamp, epoch milliseconds
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one partition in `[start, end)`: nothing before `start` is missing, nothing below it
    comes again.

    Offsets between `start` and the first record, and between records, hold nothing that can be read: control
    records, compacted records, or records that retention deleted before they were processed.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[Record]


class Stage(Protocol):
    """One step of the flow, run once per partition number.

    Calls for one partition never overlap and come as `open, (on_batch | on_idle)*, close`; calls for
    different partitions interleave at every `await`. Any exception stops the worker: a stage never skips a
    batch, so it raises when it cannot go on.
    """

    @property
    def topics(self) -> Sequence[str]:
        """The source topics: equal numbers of partitions; partition p of all of them has one owner."""

    async def open(self, partition: int, generation: int) -> Mapping[str, int]:
        """Claim the partition and restore its state; may take long, is cancelled when the partition is
        revoked.

        Returns for each topic the offset of the first record the state does not contain. It wins over the
        group's commit, ahead of it or behind. A topic that is left out starts at the beginning of its log.
        """

    async def on_batch(self, batch: Batch) -> None:
        """Process the batch completely, in log order: when this returns its offsets may be committed to the
        group.

        Is cancelled at an `await` if the partition is revoked and the batch takes longer than the grace; what
        is durable then is found by the next `open`, here or elsewhere, as after a crash.
        """

    async def on_idle(self, partition: int, topic: str, idle_ms: int) -> None:
        """Everything the log held when the broker was last asked is processed, and has been for `idle_ms`.

        Comes about once a second for each idle topic, never between a fetch and its batch.
        """

    async def close(self, partition: int) -> None:
        """Release the partition's files and memory. Once per `open`, also if that raised or was cancelled."""
