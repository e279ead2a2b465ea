"""A worker process of the engine tests: JSON configuration as argument, JSON events on standard output."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka.engine_worker_stage import ExactStage
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.processor.engine import worker
from tiltmeter.processor.engine.options import EngineOptions
from tiltmeter.processor.stage import Batch

STARTED = time.monotonic()


def report(event: str, **fields: Any) -> None:
    line = {"event": event, "seconds": round(time.monotonic() - STARTED, 3), **fields}
    print(json.dumps(line), flush=True)


class CountingStage:
    """Checks that values and offsets continue, counts, keeps nothing."""

    def __init__(self, topics: list[str], slow: dict[str, float]) -> None:
        self.topics = topics
        self._slow = slow  # seconds a batch takes, by partition

    async def open(self, partition: int, generation: int) -> Mapping[str, int]:
        report("open", partition=partition, topics=self.topics)
        return {}

    async def on_batch(self, batch: Batch) -> None:
        await asyncio.sleep(self._slow.get(str(batch.partition), 0.0))
        offsets = [record.offset for record in batch.records]
        assert offsets == list(range(batch.start, batch.end))
        assert [int((record.value or b"")[:12]) for record in batch.records] == offsets
        report("batch", topic=batch.topic, partition=batch.partition, start=batch.start, end=batch.end)

    async def on_idle(self, partition: int, topic: str, idle_ms: int) -> None:
        report("idle", partition=partition, topic=topic, idle_ms=idle_ms)

    async def close(self, partition: int) -> None:
        report("close", partition=partition, topics=self.topics)


def main(config: dict[str, Any]) -> int:
    stages: list[Any] = [
        CountingStage(topics, config.get("slow", {})) for topics in config.get("counting", [])
    ]
    if "topics" in config:
        stages.append(ExactStage(config, report))
    options = EngineOptions(
        KafkaConnection(config["bootstrap"]),
        config["group"],
        Path(config["dir"]),
        **config.get("options", {}),
    )
    return worker.run(options, stages)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(relativeCreated)d %(name)s %(message)s")
    code = main(json.loads(sys.argv[1]))
    report("exit", code=code)
    worker.leave(code)
