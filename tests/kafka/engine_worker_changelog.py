"""A changelog partition with one writer at a time: claims, fencing by offsets, reading what counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition


class FencedError(Exception):
    """Somebody else wrote to the changelog: this worker is a zombie and must stop."""


class ChangelogGapError(Exception):
    """A changelog record does not continue where the last one ended."""


def read(bootstrap: str, topic: str, partition: int, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """`(offset, record)` from `start` to the end the partition had when this was called."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reads-without-a-group",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
        consumer.assign([TopicPartition(topic, partition, start)])
        position = start
        while position < end:
            message = consumer.poll(10)
            if message is None:
                raise TimeoutError(f"{topic}[{partition}] stops at {position}, its end is {end}")
            if (error := message.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                continue
            yield message.offset(), json.loads(message.value())
            position = message.offset() + 1
    finally:
        consumer.close()


def counting(
    records: Iterator[tuple[int, dict[str, Any]]], epoch: int = 0
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Without what zombies wrote: after a claim, records of lower epochs are void, and so are late claims."""
    for offset, record in records:
        if record["kind"] == "claim" and record["epoch"] > epoch:
            epoch = record["epoch"]
            yield offset, record
        elif record["kind"] == "batch" and record["epoch"] == epoch:
            yield offset, record


class ChangelogWriter:
    """An acknowledgement with any other offset than the one after the last means another writer.

    Which of the two is the zombie shows in what the other wrote: a claim of a higher epoch fences this one, records
    of a lower epoch are void and only cost a look. Stopping at any foreign record would let a zombie's one void
    write stop the rightful owner.
    """

    def __init__(self, bootstrap: str, producer: Producer, topic: str, partition: int) -> None:
        self._bootstrap = bootstrap
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self.next_offset: int | None = None
        self.epoch = 0

    async def claim(self, epoch: int, owner: str) -> int:
        """Offset of the claim; it counts only if nobody claimed the epoch before that offset."""
        offset = await self._append({"kind": "claim", "epoch": epoch, "owner": owner})
        self.epoch = epoch
        self.next_offset = offset + 1
        return offset

    async def append(self, record: dict[str, Any]) -> int:
        offset = await self._append({**record, "epoch": self.epoch})
        if offset != self.next_offset:
            await self._check_not_fenced(offset)
        self.next_offset = offset + 1
        return offset

    async def _check_not_fenced(self, acknowledged: int) -> None:
        foreign = await asyncio.to_thread(
            lambda: list(read(self._bootstrap, self._topic, self._partition, self.next_offset or 0))
        )
        for offset, record in foreign:
            if offset < acknowledged and record["epoch"] > self.epoch:
                raise FencedError(
                    f"epoch {record['epoch']} at {offset}, before our {self.epoch} at {acknowledged}"
                )

    async def _append(self, record: dict[str, Any]) -> int:
        return await send(self._producer, self._topic, self._partition, record)


async def send(producer: Producer, topic: str, partition: int, record: dict[str, Any]) -> int:
    """Offset once all replicas have it."""
    loop = asyncio.get_running_loop()
    acknowledged: asyncio.Future[int] = loop.create_future()

    def settle(error: KafkaError | None, offset: int) -> None:
        if error is None:
            acknowledged.set_result(offset)
        else:
            acknowledged.set_exception(RuntimeError(str(error)))

    def on_delivery(error: KafkaError | None, message: Any) -> None:
        loop.call_soon_threadsafe(settle, error, message.offset())

    producer.produce(topic, json.dumps(record).encode(), partition=partition, on_delivery=on_delivery)
    await asyncio.to_thread(producer.flush)
    return await acknowledged
