"""What the engine says about records that wait, on a log in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from tiltmeter.events.columns import LogRecord
from tiltmeter.processor.engine.fetched import Fetched
from tiltmeter.processor.engine.intake import Bounds, Source, Tail
from tiltmeter.processor.engine.owner import Engine
from tiltmeter.processor.stage import Batch

TOPIC = "t"
SOURCE = Source(TOPIC, 0)


class Log:
    """Takes the place of the consumer at its port: offsets [2, 10), the last of them a control record."""

    def __init__(self) -> None:
        self.epoch = 0
        self.number = 0

    async def seek_to(self, offsets: Mapping[Source, int]) -> Mapping[Source, int]:
        self.epoch += 1
        return dict.fromkeys(offsets, self.epoch)

    async def bounds(self, sources: Collection[Source]) -> Mapping[Source, Bounds]:
        return dict.fromkeys(sources, Bounds(2, 10))

    async def tails(self, sources: Collection[Source]) -> Mapping[Source, Tail]:
        return dict.fromkeys(sources, Tail(10, 10, self.epoch, self.number))

    def set_fetching(self, sources: Collection[Source], active: bool) -> None:
        pass

    def commit_through(self, source: Source, next_offset: int) -> None:
        pass

    async def partition_counts(self, topics: Collection[str]) -> Mapping[str, int]:
        return dict.fromkeys(topics, 1)

    def fetch(self, first: int, last: int, log_end: int) -> Fetched:
        records = [LogRecord(offset, 0, None, b"", ()) for offset in range(first, last + 1)]
        self.number += 1
        return Fetched(TOPIC, 0, self.epoch, self.number - 1, records, log_end)


class Gated:
    """A stage that starts at offset 4 and finishes a batch when it is told to."""

    topics = (TOPIC,)

    def __init__(self) -> None:
        self.go = asyncio.Semaphore(0)

    async def open(self, partition: int, generation: int) -> Mapping[str, int]:
        await self.go.acquire()
        return {TOPIC: 4}

    async def on_batch(self, batch: Batch) -> None:
        await self.go.acquire()

    async def on_idle(self, partition: int, topic: str, idle_ms: int) -> None:
        pass

    async def close(self, partition: int) -> None:
        pass


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


def played(story: Callable[[Engine, Log, Gated], Awaitable[None]]) -> None:
    async def play() -> None:
        log, stage = Log(), Gated()
        engine = Engine([stage], 1.0, 100)
        await engine.on_assigned(log, [SOURCE], 1)
        await story(engine, log, stage)
        stage.go.release()
        await engine.on_revoked()
        assert engine.lags() == {}
        assert engine.failure is None

    asyncio.run(play())


def test_lag_is_unknown_until_the_state_is_restored() -> None:
    async def story(engine: Engine, log: Log, stage: Gated) -> None:
        assert engine.lags() == {}
        stage.go.release()
        await _until(lambda: engine.lags() == {SOURCE: 6})

    played(story)


def test_a_record_counts_until_its_batch_is_processed_and_a_fetch_tells_how_the_log_grew() -> None:
    async def story(engine: Engine, log: Log, stage: Gated) -> None:
        stage.go.release()
        await _until(lambda: engine.settled)
        await engine.offer(log.fetch(4, 6, log_end=25))
        assert engine.lags() == {SOURCE: 21}
        stage.go.release()
        await _until(lambda: engine.lags() == {SOURCE: 18})

    played(story)


def test_a_control_record_at_the_end_is_nothing_that_waits() -> None:
    async def story(engine: Engine, log: Log, stage: Gated) -> None:
        stage.go.release()
        await _until(lambda: engine.settled)
        await engine.offer(log.fetch(4, 8, log_end=10))
        stage.go.release()
        await _until(lambda: engine.lags() == {SOURCE: 1})
        watching = asyncio.create_task(engine.watch_idle(log, 0.0))
        await _until(lambda: engine.lags() == {SOURCE: 0})
        watching.cancel()

    played(story)
