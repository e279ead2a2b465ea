"""Batches are cut to what a record of the join log holds, and decided about once."""

from __future__ import annotations

import asyncio
from typing import cast

import orjson
import pytest

from tiltmeter.core.join.decision import PREDICTIONS
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.producer import LogProducer
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.processor.join_partition import JoinPartition
from tiltmeter.processor.record_size import RecordSize

NAMES = TopicNames()


class Log:
    """Takes the place of the producer at its port: a join log in a list."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def produce(
        self, topic: str, _partition: object, _key: object, value: bytes
    ) -> asyncio.Future[int]:
        delivered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        delivered.set_result(len(self.values))
        if topic == NAMES.joinlog:
            self.values.append(value)
        return delivered


def play(batches: list[list[LogRecord]], record_bytes: int) -> tuple[Joiner, list[bytes]]:
    log, joiner = Log(), Joiner(0, MemoryStore(), JoinPolicy(), ReferenceBook())
    partition = JoinPartition(
        joiner,
        KafkaConnection("nobody:1"),
        NAMES,
        cast(LogProducer, log),
        1,
        1,
        lambda: 0.0,
        record_bytes=record_bytes,
    )
    partition._claimed_at = 0.0

    async def process() -> None:
        start = 0
        for records in batches:
            end = records[-1].offset + 3 if records else start + 5  # a log has holes
            await partition.process(PREDICTIONS, start, end, records)
            start = end

    asyncio.run(process())
    return joiner, log.values


def batch(first: int, rows: int, models: int) -> list[LogRecord]:
    events = [
        {
            "prediction_id": str(i),
            "model": f"m{i % models}",
            "at": 1_000 + i,
            "prediction": i % 2,
            "score": 0.5,
        }
        for i in range(first, first + rows)
    ]
    return [LogRecord(first + i, -1, None, orjson.dumps(event)) for i, event in enumerate(events)]


@pytest.mark.parametrize("record_bytes", [1, 3_000, 20_000, 1 << 30])
def test_however_a_batch_has_to_be_cut_the_state_is_the_same(record_bytes: int) -> None:
    batches = [batch(0, 300, 20), [], batch(1_000, 1, 1), batch(2_000, 500, 100)]
    whole, _ = play(batches, 1 << 40)
    joiner, log = play(batches, record_bytes)
    assert joiner.positions() == whole.positions()
    mine, theirs = joiner.state.to_wire(), whole.state.to_wire()
    assert [mine[name] for name in ("open", "waiting", "groups")] == [
        theirs[name] for name in ("open", "waiting", "groups")
    ]
    assert record_bytes < 3_000 or max(map(len, log)) <= record_bytes
    assert len(log) == {1: 802, 1 << 30: 4}.get(record_bytes, len(log))
    restored = Joiner(0, MemoryStore(), JoinPolicy(), ReferenceBook())
    for offset, raw in enumerate(log):
        restored.restore(raw, offset)
    assert restored.state.to_wire() == mine


def test_batches_after_one_that_was_too_large_are_decided_once() -> None:
    size, wasted, cut = RecordSize(1_000_000), [], []
    for turn in range(100):
        fixed = 1_200 if turn < 50 else 0  # bytes of a pane; then the stream has one model
        left, tried, parts = 4_096, 0, 0
        while left:
            rows = min(left, size.records)
            fits = size.fits(rows, rows * 107 + min(rows, 1_000) * fixed)
            left, parts, tried = left - rows * fits, parts + fits, tried + (not fits)
        wasted.append(tried)
        cut.append(parts)
    assert sum(wasted[1:]) == 0
    assert 0 < wasted[0] <= 5
    assert cut[99] == 1  # it grows back
    assert max(cut) <= 8
