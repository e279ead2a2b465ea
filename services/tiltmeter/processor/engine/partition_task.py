"""One stage at work on one partition number: restore, then batch by batch, then let go."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto

from tiltmeter.processor.engine.errors import EngineError, LogWentBackError, StageError
from tiltmeter.processor.engine.fetched import Fetched
from tiltmeter.processor.engine.intake import Intake, NotAssignedError, Source, Tail
from tiltmeter.processor.engine.position import BatchLostError, Position
from tiltmeter.processor.stage import Batch, Stage

logger = logging.getLogger(__name__)

_Work = Batch | tuple[Source, int] | None


class _Step(Enum):
    OPENING = auto()
    WAITING = auto()
    PROCESSING = auto()
    CLOSING = auto()


class PartitionTask:
    """Feeds a stage the batches of its topics' partition `p`, in order, without loss or repetition.

    Fetching stops while `batch_records` wait: they keep the stage busy, more only makes a rebalance drop more.
    Small batches of one topic that wait together become one of up to `batch_records`: a stage's price is per
    batch, so it catches up when it has fallen behind.
    """

    def __init__(
        self,
        stage: Stage,
        partition: int,
        generation: int,
        intake: Intake,
        on_failure: Callable[[BaseException], None],
        batch_records: int,
    ) -> None:
        self.stage = stage
        self.partition = partition
        self.generation = generation
        self.sources = [Source(topic, partition) for topic in stage.topics]
        self.deleted_records = 0
        self.refetches = 0
        self._intake = intake
        self._on_failure = on_failure
        self._batch_records = batch_records
        self._positions: dict[Source, Position] = {}
        self._ends: dict[Source, int] = {}
        self._processed: dict[Source, int] = {}
        self._queue: asyncio.Queue[_Work] = asyncio.Queue()
        self._backlog: deque[_Work] = deque()  # taken from the queue together, merged by topic
        self._waiting_records = 0
        self._held = True
        self._step = _Step.OPENING
        self._doing = "open"
        self._task = asyncio.create_task(self._run(), name=f"{type(stage).__name__}[{partition}]")

    @property
    def restored(self) -> bool:
        """The stage is open and its sources are at the positions its state says."""
        return self._step is not _Step.OPENING

    @property
    def at_rest(self) -> bool:
        """Restored, and nothing waits to be processed."""
        return self._step is _Step.WAITING and self._queue.empty() and not self._backlog

    def caught_up(self, source: Source, tail: Tail) -> bool:
        """Whether the stage has processed everything the log held."""
        position = self._positions.get(source)
        return self.at_rest and position is not None and position.caught_up(tail)

    def next_offset(self, source: Source) -> int | None:
        """The first offset not yet given to the stage, None before the state is restored."""
        position = self._positions.get(source)
        return position.next_offset if position else None

    def lag(self, source: Source) -> int | None:
        """Records that the log is known to hold and that are not processed; None before the state is restored. The
        log's end is as old as the last fetch, or, at rest, as the last question to the broker.
        """
        done = self._processed.get(source)
        return None if done is None else max(0, self._ends[source] - done)

    async def offer(self, fetched: Fetched) -> None:
        """Take in a batch, or drop it if it was fetched from a position that no longer counts."""
        source = Source(fetched.topic, fetched.partition)
        position = self._positions.get(source)
        if position is None:
            return
        try:
            batch = position.admit(fetched)
        except BatchLostError:
            self.refetches += 1
            logger.warning("%s[%d]: fetching again from offset %d", *source, position.next_offset)
            await self._seek({source: position.next_offset})
            return
        except LogWentBackError as error:
            self._on_failure(error)
            return
        if batch is not None:
            self._ends[source] = max(self._ends[source], fetched.log_end, batch.end)
            self._queue.put_nowait(batch)
            self._waiting_records += len(batch.records)
            self._regulate()

    def report_idle(self, source: Source, idle_ms: int, log_end: int) -> None:
        """Queue the news behind the batches, so that a stage is never told idle before it saw what came
        first. All below `log_end` is processed; what no batch contained are control records.
        """
        self._ends[source] = self._processed[source] = log_end
        self._queue.put_nowait((source, idle_ms))

    def release(self) -> None:
        """Fetch again unless enough is waiting; for after something else has paused or resumed the
        partitions.
        """
        if self._positions:
            self._held = True
            self._regulate()

    async def close(self, grace_seconds: float) -> None:
        """Let the batch in flight finish within the grace, drop the rest, release the stage's resources."""
        self._positions = {}
        self._processed = {}
        while not self._queue.empty():
            self._queue.get_nowait()
        self._backlog.clear()
        self._queue.put_nowait(None)
        if self._step is _Step.PROCESSING:
            await asyncio.wait({self._task}, timeout=grace_seconds)
        if self._step in (_Step.OPENING, _Step.PROCESSING):
            self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            try:
                await self._open()
                while (work := await self._next()) is not None:
                    await self._process(work)
            finally:
                self._step = _Step.CLOSING
                await self.stage.close(self.partition)
        except NotAssignedError:
            logger.info("%s[%d]: revoked while opening", type(self.stage).__name__, self.partition)
        except EngineError as error:
            self._on_failure(error)
        except Exception as error:  # noqa: BLE001 - the agent loop: whatever a stage raises stops the worker
            failure = StageError(type(self.stage).__name__, self.partition, self._doing, error)
            failure.__cause__ = error
            self._on_failure(failure)

    async def _open(self) -> None:
        restored = await self.stage.open(self.partition, self.generation)
        bounds = await self._intake.bounds(self.sources)
        starts: dict[Source, int] = {}
        for source in self.sources:
            begin, end = bounds[source]
            expected = restored.get(source.topic, begin)
            if expected > end:
                raise LogWentBackError(*source, expected, end)
            if expected < begin:
                self.deleted_records += begin - expected
                logger.error(
                    "%s[%d]: retention deleted offsets [%d, %d) before they were processed",
                    *source,
                    expected,
                    begin,
                )
            self._positions[source] = Position(*source, expected)
            starts[source] = self._processed[source] = max(expected, begin)
            self._ends[source] = end
        await self._seek(starts)
        self._step = _Step.WAITING
        self._regulate()

    async def _seek(self, offsets: dict[Source, int]) -> None:
        epochs = await self._intake.seek_to(offsets)
        for source, epoch in epochs.items():
            if position := self._positions.get(source):
                position.sought(epoch)

    async def _next(self) -> _Work:
        if not self._backlog:
            works = [await self._queue.get()]
            while not self._queue.empty():
                works.append(self._queue.get_nowait())
            self._backlog.extend(merged(works, self._batch_records))
        work = self._backlog.popleft()
        if work is not None:
            self._step = _Step.PROCESSING
        if isinstance(work, Batch):
            self._waiting_records -= len(work.records)
        return work

    async def _process(self, work: Batch | tuple[Source, int]) -> None:
        if isinstance(work, Batch):
            self._doing = f"{work.topic} [{work.start}, {work.end})"
            await self.stage.on_batch(work)
            source = Source(work.topic, work.partition)
            self._intake.commit_through(source, work.end)
            self._processed[source] = work.end
        else:
            source, idle_ms = work
            self._doing = f"on_idle {source.topic}"
            await self.stage.on_idle(self.partition, source.topic, idle_ms)
        self._step = _Step.WAITING
        if self._positions:
            self._regulate()

    def _regulate(self) -> None:
        full = self._waiting_records >= self._batch_records
        if full and not self._held:
            self._intake.set_fetching(self.sources, False)
        elif not full and self._held:
            self._intake.set_fetching(self.sources, True)
        self._held = full


def merged(works: Sequence[_Work], batch_records: int) -> list[_Work]:
    """Batches of one topic joined up to `batch_records`; nothing moves across what is not a batch.

    The order between topics is free (a stage may not depend on it), the order within a topic is kept.
    """
    done: list[_Work] = []
    open_batches: dict[str, Batch] = {}
    for work in works:
        if not isinstance(work, Batch):
            done.extend(open_batches.values())
            open_batches.clear()
            done.append(work)
            continue
        before = open_batches.get(work.topic)
        if before is None:
            open_batches[work.topic] = work
        elif len(before.records) + len(work.records) <= batch_records:
            records = [*before.records, *work.records]
            open_batches[work.topic] = Batch(work.topic, work.partition, before.start, work.end, records)
        else:
            done.append(before)
            open_batches[work.topic] = work
    return [*done, *open_batches.values()]
