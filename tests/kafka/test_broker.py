"""The broker that the other tests of this folder rest on."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kafkabroker import Broker, LocalCluster, create_topics

pytestmark = pytest.mark.kafka

TESTS = Path(__file__).parents[1]


def produce(bootstrap: str, topic: str, values: list[bytes], first_timestamp: int = 1_000) -> None:
    """Into partition 0 of all replicas; the n-th value has timestamp ``first_timestamp`` + n seconds."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    failures: list[object] = []
    for index, value in enumerate(values):
        producer.produce(
            topic,
            value,
            partition=0,
            timestamp=first_timestamp + 1_000 * index,
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
    assert producer.flush(60) == 0
    assert failures == []


def consume(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, 60)
    consumer.close()
    return [message.value() for message in messages]


def test_what_is_produced_is_consumed(broker: Broker, topic_prefix: str) -> None:
    create_topics(broker.bootstrap, topic_prefix)
    produce(broker.bootstrap, topic_prefix, [b"a", b"b", b"c"])
    assert consume(broker.bootstrap, topic_prefix, 3) == [b"a", b"b", b"c"]


def test_offsets_are_found_by_time(broker: Broker, topic_prefix: str) -> None:
    create_topics(broker.bootstrap, topic_prefix)
    produce(broker.bootstrap, topic_prefix, [b"a", b"b", b"c"], first_timestamp=10_000)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader"})
    asked = [TopicPartition(topic_prefix, 0, at) for at in (0, 10_001, 12_000)]
    found = [consumer.offsets_for_times([partition], 30)[0].offset for partition in asked]
    consumer.close()
    assert found == [0, 1, 2]


def test_three_nodes_lose_one_and_no_record(three_brokers: LocalCluster, topic_prefix: str) -> None:
    bootstrap = three_brokers.bootstrap
    create_topics(bootstrap, topic_prefix, replication=3, config={"min.insync.replicas": "2"})
    produce(bootstrap, topic_prefix, [b"before"])
    leader = Producer({"bootstrap.servers": bootstrap}).list_topics(topic_prefix, 30).topics[topic_prefix]
    dead = leader.partitions[0].leader
    three_brokers.kill(dead)
    produce(bootstrap, topic_prefix, [b"while one is dead"])
    three_brokers.restart(dead)
    produce(bootstrap, topic_prefix, [b"after"])
    assert consume(bootstrap, topic_prefix, 3) == [b"before", b"while one is dead", b"after"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_no_broker_outlives_a_killed_owner(broker: Broker, tmp_path: Path) -> None:
    assert broker  # where no broker can be had, skip or fail as the others do
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TMPDIR": str(tmp_path)}
    environment.pop("KAFKA_BOOTSTRAP_SERVERS", None)
    owner = subprocess.Popen([sys.executable, "-m", "kafkabroker"], stdout=subprocess.PIPE, env=environment)
    assert owner.stdout is not None
    with owner:
        host, port = owner.stdout.readline().decode().strip().split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            owner.send_signal(signal.SIGKILL)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""  # the broker's end is closed: it is gone
