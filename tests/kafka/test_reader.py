"""Reading ends at the end, wherever the log has holes."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from kafkabroker import Broker, create_topics
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import BrokerUnreachableError, OffsetGoneError
from tiltmeter.kafka.reader import PartitionReader, TopicPartition

from .conftest import AnyBroker


def write(connection: KafkaConnection, topic: str, count: int, partition: int = 0, first: int = 0) -> None:
    with BlockingProducer(connection) as producer:
        for number in range(first, first + count):
            headers = [("n", b"%d" % number)] if number % 2 else []
            at_ms = 10_000 + 1_000 * number
            producer.produce(topic, partition, b"k", b"%d" % number, headers, timestamp_ms=at_ms)


def read(connection: KafkaConnection, topic: str, from_offset: int | None = None) -> list[LogRecord]:
    with PartitionReader(connection, batch_records=7) as reader:
        return [r for records in reader.read_to_end(TopicPartition(topic, 0), from_offset) for r in records]


def test_records_come_whole_and_in_log_order(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix)
    write(any_broker.connection, topic_prefix, 50)
    expected = [
        LogRecord(n, 10_000 + 1_000 * n, b"k", b"%d" % n, (("n", b"%d" % n),) if n % 2 else ())
        for n in range(50)
    ]
    assert read(any_broker.connection, topic_prefix) == expected
    assert read(any_broker.connection, topic_prefix, 42) == expected[42:]


def test_a_header_without_a_value_is_not_an_empty_one(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix)
    with BlockingProducer(any_broker.connection) as producer:
        producer.produce(topic_prefix, 0, None, b"v", [("h", None), ("h", b"")])
    assert read(any_broker.connection, topic_prefix)[0].headers == (("h", None), ("h", b""))


def test_an_empty_log_and_its_very_end_are_read_at_once(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix)
    assert read(any_broker.connection, topic_prefix) == []
    write(any_broker.connection, topic_prefix, 3)
    assert read(any_broker.connection, topic_prefix, 3) == []


def test_the_end_is_that_of_the_first_batch(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix)
    write(any_broker.connection, topic_prefix, 20)
    where = TopicPartition(topic_prefix, 0)
    with PartitionReader(any_broker.connection, batch_records=5) as reader:
        batches = reader.read_to_end(where)
        first = next(batches)
        write(any_broker.connection, topic_prefix, 20)
        assert len(first) + sum(len(records) for records in batches) == 20
        assert reader.earliest_offset(where) == 0
        assert reader.latest_offset(where) == 40


def test_many_partitions_are_read_in_one_go(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix, partitions=3)
    for partition, count in ((0, 10), (2, 30)):
        write(any_broker.connection, topic_prefix, count, partition)
    seen: dict[int, list[int]] = {}
    with PartitionReader(any_broker.connection, batch_records=4) as reader:
        start = {
            TopicPartition(topic_prefix, partition): 5 if partition == 2 else None for partition in range(3)
        }
        for where, records in reader.read_many_to_end(start):
            seen.setdefault(where.partition, []).extend(record.offset for record in records)
    assert seen == {0: list(range(10)), 2: list(range(5, 30))}


def test_an_offset_outside_the_log_is_an_error_not_a_gap(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix)
    write(any_broker.connection, topic_prefix, 3)
    with pytest.raises(OffsetGoneError, match=r"the log holds \[0, 3\)"):
        read(any_broker.connection, topic_prefix, 4)


def test_an_abandoned_reading_can_be_followed_by_another(any_broker: AnyBroker, topic_prefix: str) -> None:
    any_broker.create(topic_prefix)
    write(any_broker.connection, topic_prefix, 20)
    where = TopicPartition(topic_prefix, 0)
    with PartitionReader(any_broker.connection, batch_records=5) as reader:
        abandoned = reader.read_to_end(where)
        next(abandoned)
        with pytest.raises(RuntimeError, match="already reading"):
            next(reader.read_to_end(where))
        abandoned.close()
        assert sum(len(records) for records in reader.read_to_end(where, 10)) == 10


def test_nobody_there_is_an_error_after_the_stall_time() -> None:
    with (
        PartitionReader(KafkaConnection("127.0.0.1:9", extra={"log_level": 0}), stall_seconds=0.3) as reader,
        pytest.raises(BrokerUnreachableError),
    ):
        reader.latest_offset(TopicPartition("nowhere", 0))


@pytest.mark.kafka
def test_the_first_offset_at_or_after_a_time(broker: Broker, topic_prefix: str) -> None:
    create_topics(broker.bootstrap, topic_prefix, partitions=2)
    connection = KafkaConnection(broker.bootstrap)
    write(connection, topic_prefix, 5)
    where = [TopicPartition(topic_prefix, partition) for partition in (0, 1)]
    with PartitionReader(connection) as reader:
        found = {at: list(reader.offsets_for_time(where, at).values()) for at in (0, 11_001, 14_000, 14_001)}
    assert found == {0: [0, 0], 11_001: [2, 0], 14_000: [4, 0], 14_001: [5, 0]}


@pytest.mark.kafka
@pytest.mark.parametrize("outcome", ["commit", "abort"])
def test_transaction_markers_at_the_end_do_not_keep_the_reader_waiting(
    broker: Broker, topic_prefix: str, outcome: str
) -> None:
    """Offsets 0-2 are records, 3 is the marker: the position reaches 4, the number of records never does."""
    create_topics(broker.bootstrap, topic_prefix)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic_prefix})
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(3):
        producer.produce(topic_prefix, b"%d" % number, partition=0)
    producer.flush(30)
    producer.commit_transaction(30) if outcome == "commit" else producer.abort_transaction(30)
    connection = KafkaConnection(broker.bootstrap)
    with PartitionReader(connection) as reader:
        while reader.latest_offset(TopicPartition(topic_prefix, 0)) < 4:
            pass  # the coordinator writes the marker after it has answered
    assert [record.offset for record in read(connection, topic_prefix)] == (
        [0, 1, 2] if outcome == "commit" else []
    )


@pytest.mark.kafka
def test_holes_of_compaction_are_stepped_over(broker: Broker, topic_prefix: str) -> None:
    config = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "100",
    }
    create_topics(broker.bootstrap, topic_prefix, config=config)
    connection = KafkaConnection(broker.bootstrap)
    written = 0
    offsets: list[int] = []
    while len(offsets) == written:  # until the cleaner has been here
        # One key, so all but the newest may go; later and later times, by which segments are rolled.
        write(connection, topic_prefix, 20, first=written)
        written += 20
        offsets = [record.offset for record in read(connection, topic_prefix)]
    assert offsets == sorted(offsets)
    assert offsets[-1] == written - 1
