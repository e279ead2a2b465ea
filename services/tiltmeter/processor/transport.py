"""Faust's Kafka transport, handing over whole batches and leaving offsets to the engine
(`tiltmeter://host:port`).

Three things differ from Faust's own (see decision 0001):

* A poll gives one message per partition, its value a `Fetched`, instead of one message per record.
* Faust's ledger of acknowledged offsets and gaps is not used: what is committed is what `commit_through` was
  told. Inside a batch there is nothing to acknowledge, so no offset inside an unprocessed batch can be
  committed.
* Positions after a rebalance are set by the owner of the partitions from its state, not from the group's
  commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, cast

from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from tiltmeter.processor.engine.fetched import Fetched
from tiltmeter.processor.engine.intake import Bounds, NotAssignedError, PartitionOwner, Source, Tail
from tiltmeter.processor.transport_thread import ConsumerThread

# Faust polls with one second; a partition released from backpressure with its records already buffered would
# wait that long for the next poll.
POLL_SECONDS = 0.1


class _NoReadOffsets(dict[TP, int | None]):
    """Makes Faust forget what it read last: it drops lower offsets as repeated, which after a seek they are
    not.
    """

    def __missing__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass


class Consumer(driver.Consumer):
    """Implements `Intake` for the engine."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NoReadOffsets()
        self._processed: dict[Source, int] = {}
        self._reported: dict[Source, int] = {}

    @property
    def _owner(self) -> PartitionOwner:
        return cast(PartitionOwner, self.app.partition_owner)  # type: ignore[attr-defined]

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # --- batches ---

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        active = self._get_active_partitions()
        if not active:
            await self.sleep(POLL_SECONDS)
            return
        # The live set, not a copy: a partition released during the poll is served by the same poll.
        fetched = await self._getmany(active_partitions=active, timeout=min(timeout, POLL_SECONDS))
        for tp, batches in fetched.items():
            for batch in batches:
                # A stopped flow means that partitions are about to be revoked or the worker stops. What is
                # dropped here is missed by the engine, which seeks back if it still owns the partition.
                if self.flow_active and not self.should_stop:
                    yield tp, self._to_message(tp, batch)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        batch = cast(Fetched, record)
        first = batch.records[0]
        return ConsumerMessage(
            batch.topic,
            batch.partition,
            first.offset,
            first.timestamp / 1000.0,
            0,
            None,
            None,
            cast(Any, batch),
            None,
            serialized_key_size=0,
            serialized_value_size=0,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    # --- offsets ---

    def ack(self, message: Any) -> bool:
        """Nothing: a message's single offset says nothing about its batch."""
        return False

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Faust lets a commit that finds another one under way do nothing but wait; what has been processed since
        that one began would stay unreported when the worker stops."""
        another = self._commit_fut is not None
        committed = await super().commit(topics, start_new_transaction)
        return await super().commit(topics, start_new_transaction) if another else committed

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Tell the group how far processing is, for lag monitors and for a start without any state.

        Failing costs nothing: state carries its own offsets and wins.
        """
        news = {s: o for s, o in self._processed.items() if self._reported.get(s) != o}
        if not news or not await self._commit({TP(*source): offset for source, offset in news.items()}):
            return False
        self._reported.update(news)
        return True

    # --- rebalancing ---

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.stop_flow()
        await self._owner.on_revoked()
        await self.commit()
        self._processed.clear()
        self._reported.clear()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        await self._owner.on_topics(self)
        if not assigned:  # then Faust sets no positions, and nobody would tell the engine
            await self._owner.on_assigned(self, (), generation_id)
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Called after each rebalance when Faust has resumed all partitions, to set their positions."""
        sources = [Source(tp.topic, tp.partition) for tp in self.assignment()]
        await self._owner.on_assigned(self, sources, self.app.consumer_generation_id)

    # --- Intake ---

    async def seek_to(self, offsets: Mapping[Source, int]) -> Mapping[Source, int]:
        try:
            return await self._thread.seek_to(offsets)
        except IllegalStateError as error:
            raise NotAssignedError from error

    async def bounds(self, sources: Collection[Source]) -> Mapping[Source, Bounds]:
        try:
            return await self._thread.bounds(sources)
        except (IllegalStateError, KafkaError) as error:
            raise NotAssignedError from error

    async def tails(self, sources: Collection[Source]) -> Mapping[Source, Tail]:
        try:
            return await self._thread.tails(sources)
        except (IllegalStateError, KafkaError) as error:
            raise NotAssignedError from error

    def set_fetching(self, sources: Collection[Source], active: bool) -> None:
        tps = {TP(*source) for source in sources}
        self.resume_partitions(tps) if active else self.pause_partitions(tps)

    def commit_through(self, source: Source, next_offset: int) -> None:
        self._processed[source] = next_offset

    async def partition_counts(self, topics: Collection[str]) -> Mapping[str, int]:
        return await self._thread.partition_counts(topics)


class Transport(driver.Transport):
    """Entry point `faust.transports: tiltmeter`."""

    Consumer = Consumer
