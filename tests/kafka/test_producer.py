"""Every record written ends as an offset or as an exception."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka.admin import AdminClient

from kafkabroker import Broker, LocalCluster, create_topics
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import (
    BrokerUnreachableError,
    KafkaLogError,
    RecordRefusedError,
    TopicMissingError,
)
from tiltmeter.kafka.partitioner import partition_for
from tiltmeter.kafka.producer import LogProducer
from tiltmeter.kafka.reader import PartitionReader, TopicPartition

from .conftest import AnyBroker


def values(connection: KafkaConnection, topic: str, partition: int = 0) -> list[bytes | None]:
    with PartitionReader(connection) as reader:
        batches = reader.read_to_end(TopicPartition(topic, partition))
        return [record.value for records in batches for record in records]


def test_a_record_s_future_is_its_offset(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix)

    async def scenario() -> list[int]:
        async with LogProducer(any_broker.connection) as producer:
            sent = [await producer.produce(topic_prefix, 0, None, b"%d" % n) for n in range(500)]
            return await asyncio.gather(*sent)

    assert asyncio.run(scenario()) == list(range(500))
    assert values(any_broker.connection, topic_prefix) == [b"%d" % n for n in range(500)]


def test_a_full_queue_makes_the_writer_wait_and_costs_no_record(
    any_broker: AnyBroker, topic_prefix: str
) -> None:
    any_broker.create(topic_prefix)

    async def writer(producer: LogProducer, name: int) -> list[asyncio.Future[int]]:
        return [await producer.produce(topic_prefix, 0, None, b"%d %d" % (name, n)) for n in range(200)]

    async def scenario() -> None:
        async with LogProducer(any_broker.connection, max_queued=7) as producer:
            async with asyncio.TaskGroup() as tasks:
                writers = [tasks.create_task(writer(producer, name)) for name in range(3)]
            offsets = await asyncio.gather(*[future for task in writers for future in task.result()])
            assert sorted(offsets) == list(range(600))

    asyncio.run(scenario())
    written = values(any_broker.connection, topic_prefix)
    for name in range(3):  # records of one task keep their order
        mine = [value for value in written if value is not None and value.startswith(b"%d " % name)]
        assert mine == [b"%d %d" % (name, n) for n in range(200)]


def test_the_key_decides_as_the_partitioner_says(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix, partitions=3)
    keys = [b"key-%d" % n for n in range(60)]
    with BlockingProducer(any_broker.connection) as producer:
        for key in keys:
            producer.produce(topic_prefix, None, key, key)
    assert producer.acknowledged == 60
    for partition in range(3):
        expected = [key for key in keys if partition_for(key, 3) == partition]
        assert values(any_broker.connection, topic_prefix, partition) == expected


def test_a_record_too_large_for_any_topic_is_refused_at_once(
    any_broker: AnyBroker, topic_prefix: str
) -> None:
    any_broker.create(topic_prefix)

    async def scenario() -> None:
        async with LogProducer(any_broker.connection) as producer:
            with pytest.raises(RecordRefusedError):
                await producer.produce(topic_prefix, 0, None, bytes(9 * 1024 * 1024))

    asyncio.run(scenario())


def test_an_abandoned_future_does_not_stop_the_others(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix)

    async def scenario() -> int:
        async with LogProducer(any_broker.connection) as producer:
            abandoned = await producer.produce(topic_prefix, 0, None, b"a")
            abandoned.cancel()
            return await (await producer.produce(topic_prefix, 0, None, b"b"))

    assert asyncio.run(scenario()) == 1


def test_closing_without_a_broker_ends_and_fails_what_is_queued() -> None:
    async def scenario() -> None:
        # Port 9 (discard) of loopback: nobody answers there.
        producer = LogProducer(KafkaConnection("127.0.0.1:9", extra={"log_level": 0}))
        sent = await producer.produce("nowhere", 0, None, b"a")
        await producer.close(timeout_seconds=0.2)
        with pytest.raises(KafkaLogError):
            await sent

    asyncio.run(scenario())


@pytest.mark.kafka
def test_a_record_for_a_topic_that_does_not_exist_fails(broker: Broker, topic_prefix: str) -> None:
    async def scenario() -> None:
        connection = KafkaConnection(broker.bootstrap, extra={"topic.metadata.propagation.max.ms": 500})
        async with LogProducer(connection) as producer:
            sent = await producer.produce(topic_prefix, 0, None, b"a")
            with pytest.raises(TopicMissingError):
                await sent

    asyncio.run(scenario())


@pytest.mark.kafka
def test_without_enough_replicas_in_sync_nothing_counts_as_written(
    three_brokers: LocalCluster, topic_prefix: str
) -> None:
    """Two replicas, both must agree, one is dead: the writer hears of it, the record is not half there."""
    create_topics(three_brokers.bootstrap, topic_prefix, replication=2, config={"min.insync.replicas": "2"})
    connection = KafkaConnection(three_brokers.bootstrap)
    topic = AdminClient(connection.librdkafka()).list_topics(topic_prefix, 30).topics[topic_prefix]
    follower = next(node for node in topic.partitions[0].replicas if node != topic.partitions[0].leader)
    three_brokers.kill(follower)

    async def scenario() -> None:
        async with LogProducer(connection, delivery_timeout_seconds=2) as producer:
            sent = await producer.produce(topic_prefix, 0, None, b"a")
            with pytest.raises(BrokerUnreachableError):
                await sent

    try:
        asyncio.run(scenario())
    finally:
        three_brokers.restart(follower)
