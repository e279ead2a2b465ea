"""Put the stream into topics, once; give every Tiltmeter worker outputs nobody has written to."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka.admin import AdminClient

from bench.throughput.events import Event, feedback, predictions, reference
from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reference_topic import publish_reference
from tiltmeter.kafka.topics import TopicNames, topic_specs

PARTITIONS = 4
_GONE_SECONDS = 30.0


def fill(connection: KafkaConnection, names: TopicNames, events: int) -> None:
    """All topics, so many predictions and as many labels, and the reference."""
    TopicAdmin(connection).create(topic_specs(names, source_partitions=PARTITIONS))
    _produce(connection, names.predictions, predictions(events))
    _produce(connection, names.feedback, feedback(events))
    publish_reference(connection, names.references, reference())


def _produce(connection: KafkaConnection, topic: str, events: Iterable[Event]) -> None:
    with BlockingProducer(connection) as producer:
        for event in events:
            # Not the event's time as Kafka's: the broker deletes what is older than the topic's retention.
            producer.produce(topic, None, event.key, event.value)


def clear_outputs(connection: KafkaConnection, names: TopicNames) -> None:
    """Delete and create again what a worker writes: its join log is its state."""
    written = {names.joinlog, names.panes, names.snapshots, names.alerts, names.rejected}
    admin = AdminClient({"bootstrap.servers": connection.bootstrap_servers})
    for deleted in admin.delete_topics(sorted(written)).values():
        deleted.result()
    deadline = time.monotonic() + _GONE_SECONDS
    while written & admin.list_topics(timeout=10).topics.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"deleted topics are still there after {_GONE_SECONDS:g} s")
        time.sleep(0.1)
    specs = topic_specs(names, source_partitions=PARTITIONS)
    TopicAdmin(connection).create([spec for spec in specs if spec.name in written])
