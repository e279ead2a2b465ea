"""The least a Python consumer can do: librdkafka in batches, ``orjson.loads`` per record."""

from __future__ import annotations

import orjson
from confluent_kafka import Consumer

from bench.throughput.reading import Reading, arguments


def main() -> None:
    given = arguments()
    consumer = Consumer(
        {
            "bootstrap.servers": given["bootstrap"],
            "group.id": given["group"],
            "auto.offset.reset": "earliest",
            # The default, a second, makes a fast reader wait whenever librdkafka has once been ahead of it.
            "fetch.queue.backoff.ms": 10,
        }
    )
    consumer.subscribe(given["topics"])
    reading = Reading(given["events"])
    while True:
        messages = consumer.consume(4096, timeout=0.1)
        for message in messages:
            orjson.loads(message.value())
        if messages:
            reading.count(len(messages))


if __name__ == "__main__":
    main()
