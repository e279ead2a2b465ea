"""One owned partition of the JOIN stage: the joiner and the I/O around it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.panes.messages import NEVER, pane_message, watermark_message
from tiltmeter.core.panes.pane import PREDICTION_PANE
from tiltmeter.events.columns import Rejected
from tiltmeter.events.rejected_record import rejected_record
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.producer import LogProducer
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.processor.partition_check import misplaced
from tiltmeter.processor.record_size import LOG_RECORD_BYTES, RecordSize
from tiltmeter.processor.stage import Record

#: Watermarks go to every panes partition, so not more often than this: after panes were closed, and otherwise.
CLOSING_SECONDS, WATERMARK_SECONDS = 0.1, 1.0
#: How often an owner claims again what it owns.
CLAIM_SECONDS = 6 * 3600.0


class FencedError(Exception):
    """Another worker has written to the join log of a partition this worker believed to own."""


class JoinPartition:
    """Runs the commit order of :mod:`tiltmeter.core.join.joiner` for one partition number."""

    def __init__(
        self,
        joiner: Joiner,
        connection: KafkaConnection,
        names: TopicNames,
        producer: LogProducer,
        partitions: int,
        panes_partitions: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        record_bytes: int = LOG_RECORD_BYTES,
    ) -> None:
        self.joiner = joiner
        self._connection = connection
        self._names = names
        self._producer = producer
        self._partitions = partitions
        self._panes_partitions = panes_partitions
        self._clock = clock
        #: Sampled records whose key hashes to another partition, by side, since this worker took the partition.
        self.misplaced: Counter[str] = Counter()
        self._size = {side: RecordSize(record_bytes) for side in (PREDICTIONS, FEEDBACK)}
        self._said: dict[str, int] = {}
        self._said_at = float("-inf")
        self._closed = False  # panes were closed since the last watermark
        self._leaving = False
        self._claim_offset, self._claim_counts, self._claimed_at = -1, False, float("-inf")
        self._idle = False
        self._idle_base: dict[str, int] = {}
        self._idle_ms: dict[str, int] = {}

    async def restore(self) -> None:
        """Read the join log to its end, claim the partition, read up to the claim, send what may be unsent."""
        await self._read_log()
        claim = self.joiner.claim()
        self._claim_offset = await self._send(claim)
        await self._read_log()
        if not self._claim_counts:
            raise FencedError(
                f"partition {self.joiner.partition} was claimed by another worker (epoch "
                f"{self.joiner.state.epoch}) at the same moment. Nothing is lost: restart this worker. If it happens "
                "again, check that no two deployments share one group and topic prefix."
            )
        self._claimed_at = self._clock()
        await self._publish(force=True)

    async def _renew_claim(self) -> None:
        """A claim is a checkpoint of the state: one must be younger than the log's retention, or a worker that
        loses its disk after a long time finds a log without a beginning."""
        claim = self.joiner.claim()
        offset = await self._append(claim)
        self.joiner.restore(claim, offset)
        self._claimed_at = self._clock()

    async def _read_log(self, until: int | None = None) -> None:
        """:meth:`_catch_up` in a thread. A cancelled one is waited for: it writes to the store, which whoever
        cancelled is about to close."""
        reading = asyncio.create_task(asyncio.to_thread(self._catch_up, until))
        try:
            await asyncio.shield(reading)
        except asyncio.CancelledError:
            self._leaving = True
            await asyncio.wait({reading})
            raise

    def _catch_up(self, until: int | None = None) -> None:
        """Apply the join log up to its end, or below ``until``."""
        where = TopicPartition(self._names.joinlog, self.joiner.partition)
        with PartitionReader(self._connection) as reader:
            start = max(self.joiner.state.log_next, reader.earliest_offset(where))
            for records in reader.read_to_end(where, start):
                if self._leaving:
                    return
                for record in records:
                    if record.value is not None and (until is None or record.offset < until):
                        accepted = self.joiner.restore(record.value, record.offset)
                        if record.offset == self._claim_offset:
                            self._claim_counts = accepted

    async def process(self, side: str, start: int, end: int, records: Sequence[Record]) -> None:
        """One micro-batch through all steps, in as many parts as its log records need."""
        self.misplaced[side] += misplaced(records, self.joiner.partition, self._partitions)
        done, begin, processed = 0, start, False
        while not processed or done < len(records):
            cut = min(done + self._size[side].records, len(records))
            until = end if cut == len(records) else records[cut].offset
            processed = await self._process(side, begin, until, records[done:cut])
            if processed:
                done, begin = cut, until
        if self._clock() - self._claimed_at >= CLAIM_SECONDS:
            await self._renew_claim()

    async def _process(self, side: str, start: int, end: int, records: Sequence[Record]) -> bool:
        """False: it was too large for a log record, and nothing was done."""
        decision, rejected = self.joiner.decide(side, start, end, records)  # 1
        raw = decision.encode()
        if not self._size[side].fits(len(records), len(raw)):
            return False
        # Before the log says they are done with: sent twice after a crash, but never lost.
        await self._send_rejected(side, rejected)
        offset = await self._append(raw)  # 2
        self.joiner.apply(decision, offset)  # 3
        await self._publish()  # 4
        return True

    async def idle(self, side: str, idle_ms: int, idle_after_ms: int) -> None:
        """Nothing to read on this side. After ``idle_after_ms`` its watermark follows the wall clock's pace, from
        where it stood; a side that has seen nothing yet starts from where the other one stands."""
        state = self.joiner.state
        if idle_ms < self._idle_ms.get(side, 0):
            self._idle_base.pop(side, None)
        self._idle_ms[side] = idle_ms
        own = state.sides[side].watermark_ms
        other = state.sides[FEEDBACK if side == PREDICTIONS else PREDICTIONS].watermark_ms
        if side not in self._idle_base and max(own, other) > NEVER:
            self._idle_base[side] = (own if own > NEVER else other) - (idle_ms if own == NEVER else 0)
        base = self._idle_base.get(side)
        if base is not None and idle_ms >= idle_after_ms and base + idle_ms > own:
            decision = self.joiner.decide_lift(side, base + idle_ms)
            offset = await self._append(decision.encode())
            self.joiner.apply(decision, offset)
        nothing_yet = max(own, other) == NEVER
        everywhere = len(self._idle_ms) == len(state.sides) and min(self._idle_ms.values()) >= idle_after_ms
        became_idle = nothing_yet and everywhere and not self._idle
        self._idle = nothing_yet and everywhere
        await self._publish(force=became_idle)

    async def _append(self, raw: bytes) -> int:
        """Append to the join log and make sure that this worker may still do so; returns the offset.

        A record that is not the next one says that somebody else has written. If that was a claim, this worker
        has lost the partition, and what it wrote is void. If it was a worker that lost the partition before,
        its record is void and costs this worker a look.
        """
        state, epoch = self.joiner.state, self.joiner.state.epoch
        offset = await self._send(raw)
        if offset != state.log_next:
            await self._read_log(offset if offset >= 0 else None)
            if self.joiner.state.epoch != epoch or offset < 0:
                raise FencedError(
                    f"join log of partition {self.joiner.partition}: another worker owns the partition now (epoch "
                    f"{self.joiner.state.epoch}, ours is {epoch}). Nothing is lost: this worker's last record is "
                    "void, and it stops."
                )
        return offset

    async def _send(self, raw: bytes) -> int:
        delivered = await self._producer.produce(self._names.joinlog, self.joiner.partition, None, raw)
        return await delivered

    async def _publish(self, force: bool = False) -> None:
        """Closed panes, then watermarks (semantics 4), then remember that they have arrived."""
        state, partition = self.joiner.state, self.joiner.partition
        marks = self.joiner.watermarks()
        panes = self.joiner.outbox()
        sent = [
            await self._producer.produce(
                self._names.panes, None, pane.key.model.encode(), pane_message(pane, partition, state.epoch)
            )
            for pane in panes
        ]
        for delivered in sent:
            await delivered
        if panes:
            self.joiner.confirm(marks)
        self._closed = self._closed or bool(panes)
        pace = CLOSING_SECONDS if self._closed else WATERMARK_SECONDS
        due = self._clock() - self._said_at >= pace
        if not force and (marks == self._said or not due):
            return
        self._idle = self._idle and marks[PREDICTION_PANE] == NEVER
        message = watermark_message(partition, self._partitions, state.epoch, marks, self._idle)
        said = [
            await self._producer.produce(self._names.panes, q, None, message)
            for q in range(self._panes_partitions)
        ]
        for delivered in said:
            await delivered
        self._said, self._said_at, self._closed = marks, self._clock(), False

    async def _send_rejected(self, side: str, rejected: Sequence[Rejected]) -> None:
        topic = self._names.predictions if side == PREDICTIONS else self._names.feedback
        records = [rejected_record(item, topic, self.joiner.partition) for item in rejected]
        sent = [
            await self._producer.produce(self._names.rejected, None, record.key, record.value, record.headers)
            for record in records
        ]
        for delivered in sent:
            await delivered
