"""The part of the transport that runs in the thread of the Kafka client."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, cast

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from tiltmeter.processor.engine.fetched import Fetched
from tiltmeter.processor.engine.intake import Bounds, Source, Tail

# The broker answers the requests of a connection in order, and aiokafka has one connection for fetching and
# asking offsets: behind a fetch that waits for records, a fetch after a seek and a question for the log's end
# wait too. Faust sets 1500 and has no setting for it.
FETCH_WAIT_MS = 200


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Stamps what it fetches: seeks and fetches happen in this one thread, so their order is certain only
    here.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._epochs: defaultdict[Source, int] = defaultdict(int)
        self._numbers: defaultdict[Source, int] = defaultdict(int)

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def seek_to(self, offsets: Mapping[Source, int]) -> Mapping[Source, int]:
        """Set positions and begin a new epoch for each; raises IllegalStateError for one not assigned."""
        return cast(Mapping[Source, int], await self.call_thread(self._seek_to, offsets))

    async def _seek_to(self, offsets: Mapping[Source, int]) -> Mapping[Source, int]:
        consumer = self._ensure_consumer()
        for source, offset in offsets.items():
            # No await between the two: a fetch that returns afterwards starts at `offset` and carries the new
            # epoch.
            consumer.seek(driver.ensure_aiokafka_TP(TP(*source)), offset)
            self._epochs[source] += 1
            self._numbers[source] = 0
        return {source: self._epochs[source] for source in offsets}

    async def bounds(self, sources: Collection[Source]) -> Mapping[Source, Bounds]:
        """Offsets the broker holds now; raises IllegalStateError or KafkaError."""
        return cast(Mapping[Source, Bounds], await self.call_thread(self._bounds, sources))

    async def _bounds(self, sources: Collection[Source]) -> Mapping[Source, Bounds]:
        consumer = self._ensure_consumer()
        tps = [driver.ensure_aiokafka_TP(TP(*source)) for source in sources]
        # Together, because each answer may wait behind a fetch.
        begin, end = await asyncio.gather(consumer.beginning_offsets(tps), consumer.end_offsets(tps))
        return {source: Bounds(begin[tp], end[tp]) for source, tp in zip(sources, tps, strict=True)}

    async def tails(self, sources: Collection[Source]) -> Mapping[Source, Tail]:
        """See `Intake.tails`; raises IllegalStateError or KafkaError."""
        return cast(Mapping[Source, Tail], await self.call_thread(self._tails, sources))

    async def _tails(self, sources: Collection[Source]) -> Mapping[Source, Tail]:
        consumer = self._ensure_consumer()
        tps = {source: driver.ensure_aiokafka_TP(TP(*source)) for source in sources}
        ends = await consumer.end_offsets(list(tps.values()))
        fetched_to = {source: await consumer.position(tp) for source, tp in tps.items()}
        return {
            source: Tail(ends[tp], fetched_to[source], self._epochs[source], self._numbers[source])
            for source, tp in tps.items()
        }

    async def partition_counts(self, topics: Collection[str]) -> Mapping[str, int]:
        """Partitions of those of the topics that exist."""
        return cast(Mapping[str, int], await self.call_thread(self._partition_counts, topics))

    async def _partition_counts(self, topics: Collection[str]) -> Mapping[str, int]:
        consumer = self._ensure_consumer()
        # A static member can be given partitions before it has seen any metadata.
        if not all(consumer.partitions_for_topic(topic) for topic in topics):
            await consumer._client.force_metadata_update()
        found = {topic: consumer.partitions_for_topic(topic) for topic in topics}
        return {topic: len(partitions) for topic, partitions in found.items() if partitions}

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Mapping[TP, list[Any]]:
        records = await super()._fetch_records(*args, **kwargs)
        return {ensure_TP(tp): [self._stamped(Source(*tp), batch)] for tp, batch in records.items() if batch}

    def _stamped(self, source: Source, records: list[Any]) -> Fetched:
        number = self._numbers[source]
        self._numbers[source] = number + 1
        consumer, tp = self._ensure_consumer(), driver.ensure_aiokafka_TP(TP(*source))
        # A rebalance may have begun while the fetch was under way.
        log_end = (consumer.highwater(tp) or 0) if tp in consumer.assignment() else 0
        return Fetched(source.topic, source.partition, self._epochs[source], number, records, log_end)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Faust crashes the worker when a commit fails; here a commit is a report and may fail during a
        rebalance.
        """
        consumer = self._ensure_consumer()
        assignment = self.assignment()
        owned = {driver.ensure_aiokafka_TP(tp): offset for tp, offset in offsets.items() if tp in assignment}
        try:
            if owned:
                await consumer.commit(owned)
        except (CommitFailedError, IllegalStateError, KafkaError) as error:
            self.log.warning("Offsets not committed, state still has them: %r", error)
            return False
        return bool(owned)
