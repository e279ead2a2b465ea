"""The least an asyncio consumer can do: aiokafka in batches, ``orjson.loads`` per record."""

from __future__ import annotations

import asyncio

import orjson
from aiokafka import AIOKafkaConsumer

from bench.throughput.reading import Reading, arguments


async def read() -> None:
    given = arguments()
    consumer = AIOKafkaConsumer(
        *given["topics"],
        bootstrap_servers=given["bootstrap"],
        group_id=given["group"],
        auto_offset_reset="earliest",
    )
    await consumer.start()
    reading = Reading(given["events"])
    while True:
        for records in (await consumer.getmany(timeout_ms=100, max_records=4096)).values():
            for record in records:
                orjson.loads(record.value)
            reading.count(len(records))


if __name__ == "__main__":
    asyncio.run(read())
