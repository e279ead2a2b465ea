"""Topics are created once, compared ever after, altered never."""

from __future__ import annotations

import pytest

from kafkabroker import Broker, LocalCluster
from tiltmeter.kafka.admin import TopicAdmin, TopicStatus
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import BrokerUnreachableError, ReplicationError, TopicMissingError
from tiltmeter.kafka.topics import TopicNames, TopicSpec, topic_specs

from .conftest import AnyBroker


@pytest.mark.kafka
def test_all_topics_are_created_then_found_as_they_should_be(broker: Broker, topic_prefix: str) -> None:
    admin = TopicAdmin(KafkaConnection(broker.bootstrap))
    names = TopicNames(topic_prefix)
    specs = topic_specs(names, source_partitions=3)
    assert {outcome.status for outcome in admin.create(specs)} == {TopicStatus.CREATED}
    again = admin.create(specs)
    assert [outcome.name for outcome in again] == [spec.name for spec in specs]
    assert {(outcome.status, outcome.differences) for outcome in again} == {(TopicStatus.EXISTS, ())}


@pytest.mark.kafka
def test_a_topic_that_differs_is_reported_and_left_alone(broker: Broker, topic_prefix: str) -> None:
    admin = TopicAdmin(KafkaConnection(broker.bootstrap))
    admin.create([TopicSpec(topic_prefix, 2, config={"retention.ms": "1000000"})])
    [outcome] = admin.create([TopicSpec(topic_prefix, 3, config={"retention.ms": "2000000"})])
    assert outcome.status is TopicStatus.MISMATCH
    assert outcome.differences == (
        "partitions is 2, should be 3",
        "retention.ms is 1000000, should be 2000000",
    )
    assert admin.partition_counts([topic_prefix]) == {topic_prefix: 2}


@pytest.mark.kafka
def test_a_description_counts_records_over_partitions(broker: Broker, topic_prefix: str) -> None:
    connection = KafkaConnection(broker.bootstrap)
    admin = TopicAdmin(connection)
    admin.create([TopicSpec(topic_prefix, 2, config={"cleanup.policy": "compact"})])
    with BlockingProducer(connection) as producer:
        for partition, count in ((0, 3), (1, 4)):
            for _ in range(count):
                producer.produce(topic_prefix, partition, b"k", b"v")
    [topic] = admin.describe([topic_prefix])
    assert (topic.partitions, topic.replicas, topic.records) == (2, 1, 7)
    assert topic.config["cleanup.policy"] == "compact"


@pytest.mark.kafka
def test_three_replicas_where_there_are_three_nodes(three_brokers: LocalCluster, topic_prefix: str) -> None:
    admin = TopicAdmin(KafkaConnection(three_brokers.bootstrap))
    admin.create(topic_specs(TopicNames(topic_prefix), source_partitions=2, replication=3))
    [panes] = admin.describe([TopicNames(topic_prefix).panes])
    assert (panes.replicas, panes.config["min.insync.replicas"]) == (3, "2")


@pytest.mark.kafka
def test_more_replicas_than_nodes_is_an_error(broker: Broker, topic_prefix: str) -> None:
    with pytest.raises(ReplicationError, match=f"create {topic_prefix}"):
        TopicAdmin(KafkaConnection(broker.bootstrap)).create([TopicSpec(topic_prefix, 1, 3)])


def test_partitions_are_counted_and_a_missing_topic_is_named(
    any_broker: AnyBroker, topic_prefix: str
) -> None:
    any_broker.create(topic_prefix, partitions=5)
    admin = TopicAdmin(any_broker.connection)
    assert admin.partition_counts([topic_prefix]) == {topic_prefix: 5}
    for _ in range(2):  # asking must not have created it
        with pytest.raises(TopicMissingError, match=f"{topic_prefix}.missing"):
            admin.partition_counts([topic_prefix, f"{topic_prefix}.missing"])


def test_nobody_there_is_said_in_time() -> None:
    nobody = KafkaConnection("127.0.0.1:9", extra={"log_level": 0})
    with pytest.raises(BrokerUnreachableError):
        TopicAdmin(nobody, timeout_seconds=0.3).partition_counts(["any"])
    with pytest.raises(BrokerUnreachableError, match=r"connect to 127\.0\.0\.1:9: .*refused"):
        TopicAdmin(nobody, timeout_seconds=0.3).create([TopicSpec("any", 1, 1)])
