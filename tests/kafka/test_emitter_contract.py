"""One suite for every transport: the fake that ships, and librdkafka against a real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import orjson
import pytest
from aiokafka.partitioner import murmur2
from confluent_kafka import Consumer, TopicPartition

from kafkabroker import Broker, create_topics
from tiltmeter.emitter import Emitter
from tiltmeter.emitter.lines import emit_lines
from tiltmeter.emitter.memory import MemoryTransport
from tiltmeter.emitter.producer_config import producer_config
from tiltmeter.emitter.topics import Topics
from tiltmeter.kafka.emit_port import Deliveries, Outgoing, Transport, room_kib
from tiltmeter.kafka.emit_transport import ConfluentTransport

PARTITIONS = 6


class Stored(NamedTuple):
    key: bytes
    value: bytes
    partition: int | None
    timestamp: int
    headers: list[tuple[str, bytes]]


class World(Protocol):
    """Where events end up."""

    topics: Topics

    def open(self) -> Transport: ...

    def stored(self, topic: str) -> list[Stored]: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.topics = Topics.of("t")
        self._transport = MemoryTransport()

    def open(self) -> Transport:
        return self._transport

    def stored(self, topic: str) -> list[Stored]:
        found = [event for event in self._transport.delivered if event.topic == topic]
        return [Stored(event.key, event.value, -1, -1, list(event.headers)) for event in found]


class KafkaWorld:
    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.topics = Topics.of(prefix)
        self.bootstrap = bootstrap
        create_topics(bootstrap, *self.topics, partitions=PARTITIONS)

    def open(self) -> Transport:
        return ConfluentTransport(producer_config(self.bootstrap, None, 1_000, 1 << 20))

    def stored(self, topic: str) -> list[Stored]:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "suite", "log_level": 0})
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1]
            for number in range(PARTITIONS)
        }
        consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        found: list[Stored] = []
        while missing := sum(ends.values()) - len(found):
            for message in consumer.consume(missing, timeout=30):
                assert message.error() is None
                found.append(
                    Stored(
                        message.key() or b"",
                        message.value() or b"",
                        message.partition(),
                        message.timestamp()[1],
                        list(message.headers() or []),
                    )
                )
        consumer.close()
        return found


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest, topic_prefix: str) -> World:
    if request.param == "memory":
        return MemoryWorld()
    broker: Broker = request.getfixturevalue("broker")
    return KafkaWorld(broker.bootstrap, topic_prefix)


@pytest.fixture
def kafka(broker: Broker, topic_prefix: str) -> KafkaWorld:
    return KafkaWorld(broker.bootstrap, topic_prefix)


@pytest.fixture
def transport(world: World) -> Iterator[Transport]:
    opened = world.open()
    yield opened
    opened.close()


def poll_until(transport: Transport, done: Callable[[Deliveries], bool]) -> Deliveries:
    """Polls of the whole test, summed; the test's own timeout ends a wait in vain."""
    total = Deliveries()
    while not done(total):
        one = transport.poll(0.1)
        total = Deliveries(
            total.delivered + one.delivered,
            total.failed + one.failed,
            total.settled_kib + one.settled_kib,
            one.error or total.error,
        )
    return total


def test_every_event_taken_is_reported_once_with_its_room(world: World, transport: Transport) -> None:
    for number in range(500):
        assert transport.send(Outgoing(world.topics.predictions, b"%d" % number, b"v" * 10))
    report = poll_until(transport, lambda total: total.delivered + total.failed >= 500)
    assert report == Deliveries(500, 0, 500 * room_kib(10))
    assert transport.poll(0.0) == Deliveries()
    assert {event.key for event in world.stored(world.topics.predictions)} == {b"%d" % n for n in range(500)}


def test_headers_arrive_and_take_room(world: World, transport: Transport) -> None:
    headers = [("ce_id", b"7"), ("ce_id", b"8"), ("x", b"")]
    assert transport.send(Outgoing(world.topics.predictions, b"a", b"v" * 400, headers))
    assert transport.send(Outgoing(world.topics.predictions, b"b", b"v" * 400))
    report = poll_until(transport, lambda total: total.delivered + total.failed >= 2)
    assert report == Deliveries(2, 0, room_kib(400, enveloped=True) + room_kib(400))
    assert room_kib(400, enveloped=True) > room_kib(400)
    stored = {event.key: event.headers for event in world.stored(world.topics.predictions)}
    assert stored == {b"a": headers, b"b": []}


def test_events_of_one_key_keep_their_order(world: World, transport: Transport) -> None:
    for number in range(300):
        assert transport.send(Outgoing(world.topics.feedback, b"k%d" % (number % 3), b"%d" % number))
    poll_until(transport, lambda total: total.delivered == 300)
    for key in (b"k0", b"k1", b"k2"):
        values = [int(event.value) for event in world.stored(world.topics.feedback) if event.key == key]
        assert values == sorted(values)
        assert len(values) == 100


def test_closing_reports_what_is_given_up(world: World) -> None:
    transport = world.open()
    assert transport.send(Outgoing(world.topics.predictions, b"k", b"value"))
    last = transport.close()
    assert last.delivered + last.failed == 1
    assert last.settled_kib == room_kib(5)


def test_an_emitter_delivers_predictions_and_feedback(world: World) -> None:
    with Emitter(
        "unused:1", model="m", topic_prefix=world.topics.predictions.split(".")[0], open_transport=world.open
    ) as emitter:
        identities = [emitter.prediction({"n": number}, 1) for number in range(200)]
        assert all(emitter.feedback(identity, 1) for identity in identities)
        assert emitter.flush(30)
        assert emitter.stats().delivered == 400
    for topic in world.topics:
        events: list[dict[str, Any]] = [orjson.loads(event.value) for event in world.stored(topic)]
        assert sorted(event["prediction_id"] for event in events) == sorted(identities)


def test_lines_arrive_byte_for_byte(world: World, transport: Transport) -> None:
    lines = [b'{"prediction_id": "p%d",  "label": %d}' % (number, number) for number in range(2_500)]
    report = emit_lines(lines, transport, world.topics)
    assert report.complete
    assert sorted(event.value for event in world.stored(world.topics.feedback)) == sorted(lines)


@pytest.mark.kafka
def test_prediction_and_feedback_lie_where_murmur2_says_so_the_join_finds_them(kafka: KafkaWorld) -> None:
    prefix = kafka.topics.predictions.split(".")[0]
    with Emitter(kafka.bootstrap, model="m", topic_prefix=prefix) as emitter:
        names = ["order-1", "Ünïcode-☃", "x" * 256, *(f"id-{number}" for number in range(300))]
        for name in names:
            emitter.prediction({}, 1, prediction_id=name)
            emitter.feedback(name, 1)
        assert emitter.flush(30)
    expected = {name.encode(): (murmur2(name.encode()) & 0x7FFFFFFF) % PARTITIONS for name in names}
    for topic in kafka.topics:
        assert {event.key: event.partition for event in kafka.stored(topic)} == expected


@pytest.mark.kafka
def test_a_historic_event_is_stored_under_the_present_so_retention_spares_it(kafka: KafkaWorld) -> None:
    prefix = kafka.topics.predictions.split(".")[0]
    with Emitter(kafka.bootstrap, model="m", topic_prefix=prefix) as emitter:
        emitter.prediction({}, 1, at="2001-01-01T00:00:00Z")
        emitter.prediction({}, 1)
        assert emitter.flush(30)
    old, new = sorted(
        kafka.stored(kafka.topics.predictions), key=lambda event: orjson.loads(event.value)["at"]
    )
    assert abs(old.timestamp - new.timestamp) < 60_000


@pytest.mark.kafka
def test_a_missing_topic_is_a_counted_failure_with_its_reason(
    broker: Broker, topic_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    quick = {"message.timeout.ms": 2_000, "topic.metadata.propagation.max.ms": 100}
    with Emitter(broker.bootstrap, model="m", topic_prefix=f"{topic_prefix}-absent", config=quick) as emitter:
        emitter.prediction({}, 1)
        assert emitter.flush(30)
        assert emitter.stats().failed_delivery == 1
    assert "topics exist" in caplog.text


@pytest.mark.kafka
def test_an_event_too_large_for_kafka_fails_alone(kafka: KafkaWorld) -> None:
    prefix = kafka.topics.predictions.split(".")[0]
    with Emitter(kafka.bootstrap, model="m", topic_prefix=prefix) as emitter:
        emitter.prediction({"text": "x" * 2_000_000}, 1)
        emitter.prediction({"text": "short"}, 1)
        assert emitter.flush(30)
        assert (emitter.stats().delivered, emitter.stats().failed_delivery) == (1, 1)
