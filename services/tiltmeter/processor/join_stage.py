"""The JOIN stage: predictions × feedback, one joiner per partition number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.pending_store import PendingStore
from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.producer import LogProducer
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.processor.join_partition import JoinPartition
from tiltmeter.processor.stage import Batch


class JoinStage:
    """Implements :class:`tiltmeter.processor.stage.Stage`."""

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        names: TopicNames,
        partitions: int,
        panes_partitions: int,
        policy: JoinPolicy,
        references: ReferenceBook,
        open_store: Callable[[int], PendingStore],
        idle_after_ms: int,
    ) -> None:
        self.owned: dict[int, JoinPartition] = {}
        self._connection = connection
        self._names = names
        self.partitions = partitions
        self.panes_partitions = panes_partitions
        self._policy = policy
        self._references = references
        self._open_store = open_store
        self._stores: dict[int, PendingStore] = {}
        self._idle_after_ms = idle_after_ms
        self._producer: LogProducer | None = None

    @property
    def topics(self) -> Sequence[str]:
        return (self._names.predictions, self._names.feedback)

    async def open(self, partition: int, generation: int) -> Mapping[str, int]:
        if self._producer is None:
            # A join-log record is a whole batch: waiting for company would only add latency.
            self._producer = LogProducer(self._connection, linger_ms=0)
        store = self._stores[partition] = self._open_store(partition)
        joiner = Joiner(partition, store, self._policy, self._references)
        owned = JoinPartition(
            joiner, self._connection, self._names, self._producer, self.partitions, self.panes_partitions
        )
        await owned.restore()
        self.owned[partition] = owned
        of_side = {PREDICTIONS: self._names.predictions, FEEDBACK: self._names.feedback}
        return {of_side[side]: at for side, at in joiner.positions().items() if at is not None}

    async def on_batch(self, batch: Batch) -> None:
        await self.owned[batch.partition].process(
            self._side(batch.topic), batch.start, batch.end, batch.records
        )

    async def on_idle(self, partition: int, topic: str, idle_ms: int) -> None:
        await self.owned[partition].idle(self._side(topic), idle_ms, self._idle_after_ms)

    async def close(self, partition: int) -> None:
        self.owned.pop(partition, None)
        store = self._stores.pop(partition, None)
        if store is not None:
            store.close()

    def change_policy(self, policy: JoinPolicy) -> None:
        """From the next batch on."""
        self._policy = policy
        for owned in self.owned.values():
            owned.joiner.change_policy(policy)

    async def stop(self) -> None:
        """After the last ``close``. What a broker that is gone does not take is sent again by the next owner."""
        if self._producer is not None:
            await self._producer.close(timeout_seconds=5)

    def _side(self, topic: str) -> str:
        return PREDICTIONS if topic == self._names.predictions else FEEDBACK
