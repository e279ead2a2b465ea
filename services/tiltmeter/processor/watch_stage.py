"""The WATCH stage: panes in, alerts out, one partition of the panes topic at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.producer import LogProducer
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.processor.stage import Batch
from tiltmeter.processor.watch_partition import WatchPartition


class WatchStage:
    """Implements :class:`tiltmeter.processor.stage.Stage`."""

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        names: TopicNames,
        policy: JoinPolicy,
        references: ReferenceBook,
        snapshot_seconds: float,
    ) -> None:
        self.owned: dict[int, WatchPartition] = {}
        self._connection = connection
        self._names = names
        self._policy = policy
        self._references = references
        self._snapshot_seconds = snapshot_seconds
        self._producer: LogProducer | None = None

    @property
    def topics(self) -> Sequence[str]:
        return (self._names.panes,)

    async def open(self, partition: int, generation: int) -> Mapping[str, int]:
        if self._producer is None:
            self._producer = LogProducer(self._connection, linger_ms=0)
        records, first, end = await asyncio.to_thread(self._read, partition)
        owned = WatchPartition(
            partition, self._names, self._producer, self._policy, self._references, self._snapshot_seconds
        )
        start = owned.restore(records, end)
        owned.caught_up = end == (first if start is None else start)
        self.owned[partition] = owned
        # Panes older than the log's head are history that no snapshot needs any more.
        return {} if start is None else {self._names.panes: max(start, first)}

    def _read(self, partition: int) -> tuple[list[LogRecord], int, int]:
        panes = TopicPartition(self._names.panes, partition)
        snapshots = TopicPartition(self._names.snapshots, partition)
        with PartitionReader(self._connection) as reader:
            latest = {r.key: r for batch in reader.read_to_end(snapshots) for r in batch}
            return list(latest.values()), reader.earliest_offset(panes), reader.latest_offset(panes)

    async def on_batch(self, batch: Batch) -> None:
        await self.owned[batch.partition].process(batch)

    async def on_idle(self, partition: int, topic: str, idle_ms: int) -> None:
        """Nothing to do: watermarks come through the log, also from idle source partitions."""

    async def close(self, partition: int) -> None:
        """A partition that was open leaves a snapshot, so that its next owner starts where it stopped."""
        owned = self.owned.pop(partition, None)
        if owned is not None:
            await owned.snapshot()

    def change_policy(self, policy: JoinPolicy) -> None:
        """From the next batch on."""
        self._policy = policy
        for owned in self.owned.values():
            owned.change_policy(policy)

    async def stop(self) -> None:
        """After the last ``close``. What a broker that is gone does not take is sent again by the next owner."""
        if self._producer is not None:
            await self._producer.close(timeout_seconds=5)

    def watchers(self) -> Iterator[Watcher]:
        """The models whose numbers are complete: those of partitions that have caught up."""
        for owned in self.owned.values():
            if owned.caught_up:
                yield from owned.watchers.values()
