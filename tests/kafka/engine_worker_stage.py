"""A deliberately tiny stage that follows the commit order to the letter, and stops between any two steps."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from kafka.engine_worker_changelog import (
    ChangelogGapError,
    ChangelogWriter,
    FencedError,
    counting,
    read,
    send,
)
from kafka.engine_worker_state import LocalState
from tiltmeter.processor.stage import Batch

Report = Callable[..., None]


class ExactStage:
    """(1) decide (2) changelog acknowledged (3) local write (4) output acknowledged (5) ack (6) commit.

    (5) and (6) are the engine's. `signals` maps a place, like "2-3" (between two steps) or "2" (within one),
    and a batch number to the signal the process sends itself there.
    """

    def __init__(self, config: dict[str, Any], report: Report) -> None:
        self.topics: Sequence[str] = config["topics"]
        self._bootstrap: str = config["bootstrap"]
        self._changelog: str = config["changelog"]
        self._output: str = config["output"]
        self._dir = Path(config["dir"])
        self._owner: str = config["name"]
        self._delay: float = config.get("batch_seconds", 0.0)
        self._signals: dict[str, str] = config.get("signals", {})
        self._report = report
        self._producer = Producer(
            {"bootstrap.servers": self._bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 0}
        )
        self._states: dict[int, LocalState] = {}
        self._writers: dict[int, ChangelogWriter] = {}
        self._batches = 0

    async def open(self, partition: int, generation: int) -> Mapping[str, int]:
        self._report("opening", partition=partition, generation=generation)
        state = self._states[partition] = LocalState(self._dir / f"{partition}.sqlite")
        writer = self._writers[partition] = ChangelogWriter(
            self._bootstrap, self._producer, self._changelog, partition
        )
        while True:
            known = await self._read(partition, 0)
            epoch = max((record["epoch"] for _, record in known if record["kind"] == "claim"), default=0) + 1
            claimed_at = await writer.claim(epoch, self._owner)
            everything = list(counting(iter(await self._read(partition, 0))))
            if any(offset == claimed_at for offset, _ in everything):
                break
        for offset, record in everything:
            if state.changelog_next <= offset <= claimed_at:
                self._check_continues(state, partition, record)
                state.apply(offset, record)
        # The last batch may have missed its output; a second copy says the same.
        for record in [record for _, record in everything if record["kind"] == "batch"][-1:]:
            await send(self._producer, self._output, partition, record)
        self._report("open", partition=partition, epoch=epoch, inputs=state.inputs)
        return state.inputs

    async def on_batch(self, batch: Batch) -> None:
        self._batches += 1
        state, writer = self._states[batch.partition], self._writers[batch.partition]
        await asyncio.sleep(self._delay)
        if any(record.value == b"poison" for record in batch.records):
            raise ValueError("cannot be processed")
        rows = [(record.offset, (record.value or b"").decode()) for record in batch.records]
        entry = {"kind": "batch", "topic": batch.topic, "start": batch.start, "end": batch.end, "rows": rows}
        self._maybe_signal("1-2")
        asked = asyncio.ensure_future(writer.append(entry))
        if "2" in self._signals:
            await asyncio.sleep(0)  # the record is in the producer's hands, its fate unknown
            self._maybe_signal("2")
        try:
            changelog_offset = await asked
        except FencedError:
            self._report("fenced", partition=batch.partition)
            raise
        self._maybe_signal("2-3")
        state.apply(changelog_offset, {**entry, "epoch": writer.epoch})
        self._maybe_signal("3-4")
        await send(self._producer, self._output, batch.partition, {**entry, "epoch": writer.epoch})
        self._maybe_signal("4-5")
        self._report("batch", topic=batch.topic, partition=batch.partition, start=batch.start, end=batch.end)

    async def on_idle(self, partition: int, topic: str, idle_ms: int) -> None:
        self._maybe_signal("5-6")  # with commits switched off
        if idle_ms > 1000:
            self._maybe_signal("6-")  # with frequent commits
        self._report("idle", partition=partition, topic=topic, idle_ms=idle_ms)

    async def close(self, partition: int) -> None:
        if state := self._states.pop(partition, None):
            state.close()
        self._report("close", partition=partition)

    async def _read(self, partition: int, start: int) -> list[tuple[int, dict[str, Any]]]:
        return await asyncio.to_thread(lambda: list(read(self._bootstrap, self._changelog, partition, start)))

    def _check_continues(self, state: LocalState, partition: int, record: dict[str, Any]) -> None:
        if record["kind"] == "batch":
            expected = state.inputs.get(record["topic"], 0)
            if record["start"] != expected:
                raise ChangelogGapError(
                    f"changelog of partition {partition}: {record['topic']} continues at {record['start']} "
                    f"instead of {expected}. Operator action: restore the changelog topic."
                )

    def _maybe_signal(self, place: str) -> None:
        where = self._signals.get(place)
        if where is not None:
            number, name = where.split(":")
            if self._batches >= int(number):
                del self._signals[place]
                self._report("signal", place=place)
                os.kill(os.getpid(), signal.Signals[name])
