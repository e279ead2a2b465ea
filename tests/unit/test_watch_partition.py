"""What a partition of WATCH takes up after a restart."""

from __future__ import annotations

import asyncio
from typing import cast

import orjson

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.messages import PANE, WATERMARK
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.producer import LogProducer
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.processor.snapshot_parts import Snapshot, parts
from tiltmeter.processor.stage import Batch
from tiltmeter.processor.watch_partition import WatchPartition

WIDTH, START = 10_000, 1_700_000_000_000


def pane(model: str, number: int) -> bytes:
    wire = PredictionPane(PaneKey(START + number * WIDTH, WIDTH, model, "1", ""), events=5).to_wire()
    return orjson.dumps({"type": PANE, "form": 1, "partition": 0, "epoch": 0, "pane": wire})


def watermark(partition: int, at: int, idle: bool = False) -> bytes:
    said = {"partition": partition, "partitions": 2, "epoch": 0, "prediction": at, "label": at, "idle": idle}
    return orjson.dumps({"type": WATERMARK, "form": 1, **said})


def partition() -> WatchPartition:
    """Nothing is published here, so there is no producer."""
    nobody = cast(LogProducer, None)
    return WatchPartition(0, TopicNames(), nobody, JoinPolicy(delay_ms=0), ReferenceBook(), 1e9)


def read(seen: WatchPartition, first: int, *values: bytes) -> None:
    records = [LogRecord(first + i, 0, None, value) for i, value in enumerate(values)]
    asyncio.run(seen.process(Batch("panes", 0, first, first + len(records), records)))


def test_a_model_that_begins_after_a_restart_knows_which_partitions_are_idle() -> None:
    before = partition()
    read(before, 0, watermark(1, -(1 << 62), idle=True), pane("old", 0), watermark(0, START + WIDTH))
    about = {"next": 3, "alerts": []}
    state = before.watchers["old"].snapshot()
    kept = [LogRecord(i, 0, k, v) for i, (k, v) in enumerate(parts(Snapshot("old", 0, about, state)))]
    after = partition()
    assert after.restore(kept, 3) == 3
    read(after, 3, pane("new", 1), watermark(0, START + 2 * WIDTH))
    assert after.watchers["new"].versions[("1", "")].total.events == 5
