"""The engine proper: which stage works on which partition, from one rebalance to the next."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from tiltmeter.processor.engine.errors import (
    CoPartitioningError,
    EngineError,
    PartitionCountError,
    TopicMissingError,
)
from tiltmeter.processor.engine.fetched import Fetched
from tiltmeter.processor.engine.intake import Intake, NotAssignedError, Source
from tiltmeter.processor.engine.partition_task import PartitionTask
from tiltmeter.processor.stage import Stage

logger = logging.getLogger(__name__)


class Engine:
    """Runs one task per stage and partition number; is told of assignments by the consumer, of batches by
    agents.
    """

    def __init__(self, stages: Sequence[Stage], revoke_grace_seconds: float, batch_records: int) -> None:
        self.stages = stages
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        #: "refetches" and "deleted_records" of tasks that are gone; see `totals`.
        self._past: Counter[str] = Counter()
        self._grace = revoke_grace_seconds
        self._batch_records = batch_records
        self._tasks: dict[Source, PartitionTask] = {}
        self._generation: int | None = None
        self._counts: dict[str, int] = {}
        self._idle_since: dict[Source, float] = {}

    @property
    def assigned(self) -> Collection[Source]:
        """The source partitions this worker owns, restored or still being restored."""
        return self._tasks.keys()

    @property
    def settled(self) -> bool:
        """Whether this worker belongs to the group and all it owns, which may be nothing, is restored."""
        return self._generation is not None and all(task.restored for task in self._tasks.values())

    def totals(self) -> Mapping[str, int]:
        """`refetches`: batches Faust lost between fetch and agent; `deleted_records`: lost to retention
        unread.
        """
        totals = Counter(self._past)
        for task in set(self._tasks.values()):
            totals.update(refetches=task.refetches, deleted_records=task.deleted_records)
        return totals

    def lags(self) -> Mapping[Source, int]:
        """Records not yet processed, of every owned partition that is restored."""
        lags = {source: task.lag(source) for source, task in self._tasks.items()}
        return {source: lag for source, lag in lags.items() if lag is not None}

    def next_offset(self, source: Source) -> int | None:
        """The first offset of an owned partition not yet given to its stage, None while that is being
        restored.
        """
        task = self._tasks.get(source)
        return task.next_offset(source) if task else None

    def partition_count(self, topic: str) -> int | None:
        """Partitions of a source topic, None before the first rebalance."""
        return self._counts.get(topic)

    def fail(self, error: BaseException) -> None:
        """Stop the worker for this reason; the first one is kept."""
        if self.failure is None:
            self.failure = error
            self.failed.set()

    async def on_topics(self, intake: Intake) -> None:
        try:
            self._check_topics(await intake.partition_counts([t for s in self.stages for t in s.topics]))
        except EngineError as error:
            self.fail(error)

    async def on_assigned(self, intake: Intake, sources: Collection[Source], generation: int) -> None:
        intake.set_fetching(sources, False)
        if generation == self._generation:
            for task in set(self._tasks.values()):
                task.release()
            return
        await self.on_revoked()
        if self.failure is not None:
            return
        self._generation = generation
        owned = set(sources)
        for stage in self.stages:
            for partition in sorted({s.partition for s in owned if s.topic in stage.topics}):
                missing = [t for t in stage.topics if Source(t, partition) not in owned]
                if missing:
                    self.fail(CoPartitioningError(type(stage).__name__, partition, missing))
                    return
                task = PartitionTask(stage, partition, generation, intake, self.fail, self._batch_records)
                self._tasks.update(dict.fromkeys(task.sources, task))

    async def on_revoked(self) -> None:
        """Idempotent; returns when every stage has let go."""
        tasks, self._tasks = set(self._tasks.values()), {}
        self._generation = None
        self._idle_since.clear()
        await asyncio.gather(*(task.close(self._grace) for task in tasks))
        for task in tasks:
            self._past.update(refetches=task.refetches, deleted_records=task.deleted_records)

    async def offer(self, fetched: Fetched) -> None:
        task = self._tasks.get(Source(fetched.topic, fetched.partition))
        if task is not None:
            try:
                await task.offer(fetched)
            except NotAssignedError:
                logger.info("%s[%d]: revoked while seeking", fetched.topic, fetched.partition)

    async def watch_idle(self, intake: Intake, interval_seconds: float) -> None:
        """Tell stages, every interval, of sources at the end of their log. Runs until cancelled.

        The end is asked of the broker each time: a consumer's own high watermark is as old as its last fetch,
        and calling a partition idle because the broker cannot be reached would close panes early.
        """
        while True:
            await asyncio.sleep(interval_seconds)
            resting = {source: task for source, task in self._tasks.items() if task.at_rest}
            asked_at = time.monotonic()
            try:
                tails = await intake.tails(resting.keys()) if resting else {}
            except NotAssignedError:
                continue
            at_end = {source for source, task in resting.items() if task.caught_up(source, tails[source])}
            self._idle_since = {s: self._idle_since.get(s, asked_at) for s in at_end}
            for source, since in self._idle_since.items():
                resting[source].report_idle(source, int((asked_at - since) * 1000), tails[source].end)

    def _check_topics(self, existing: Mapping[str, int]) -> None:
        for stage in self.stages:
            counts: dict[str, int] = {}
            for topic in stage.topics:
                if topic not in existing:
                    raise TopicMissingError(topic)
                counts[topic] = existing[topic]
            if len(set(counts.values())) > 1:
                raise PartitionCountError(counts)
            for topic, count in counts.items():
                if self._counts.setdefault(topic, count) != count:
                    raise PartitionCountError({f"{topic} before": self._counts[topic], f"{topic} now": count})
