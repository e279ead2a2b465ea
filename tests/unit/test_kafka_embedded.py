"""The embedded broker speaks to every client we ship with."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as ClientPartition

from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.embedded import EmbeddedBroker
from tiltmeter.kafka.errors import EmbeddedBrokerError
from tiltmeter.kafka.producer import LogProducer


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd", "snappy", "gzip"])
def test_what_the_idempotent_producer_writes_faust_s_client_reads(compression: str) -> None:
    async def scenario(bootstrap: str) -> list[tuple[bytes | None, bytes | None, int, object]]:
        async with LogProducer(KafkaConnection(bootstrap), compression=compression) as producer:
            for number in range(100):
                await producer.produce(
                    "events", 1, b"key", b"%d" % number, [("kind", b"x")], timestamp_ms=1_000 + number
                )
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        try:
            where = ClientPartition("events", 1)
            consumer.assign([where])
            consumer.seek(where, 0)
            records = [await consumer.getone(where) for _ in range(100)]
        finally:
            await consumer.stop()
        return [(record.key, record.value, record.timestamp, record.headers) for record in records]

    with EmbeddedBroker({"events": 2}) as broker:
        read = asyncio.run(scenario(broker.bootstrap_servers))
    assert read == [(b"key", b"%d" % n, 1_000 + n, (("kind", b"x"),)) for n in range(100)]


def test_it_has_the_nodes_and_the_topics_it_is_told() -> None:
    with EmbeddedBroker({"events": 3}, brokers=3) as broker:
        assert len(broker.bootstrap_servers.split(",")) == 3
        with pytest.raises(EmbeddedBrokerError, match="create events"):
            broker.create_topic("events", 3)


def test_closing_twice_is_closing_once() -> None:
    broker = EmbeddedBroker({})
    broker.close()
    broker.close()
