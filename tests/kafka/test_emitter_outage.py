"""Kafka away and back: what was accepted arrives once, the caller never notices."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from kafkabroker import Broker, LocalCluster, create_topics, start_broker
from tiltmeter.emitter import Emitter

pytestmark = pytest.mark.kafka

QUICK = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}


@pytest.fixture(scope="module")
def mortal(broker: Broker) -> Iterator[LocalCluster]:
    """A broker to kill. Asking for the shared one first skips, or fails in CI, where there is no Kafka."""
    del broker
    with start_broker(own=True) as cluster:
        assert isinstance(cluster, LocalCluster)
        yield cluster


@pytest.fixture
def prefix(mortal: LocalCluster, topic_prefix: str) -> str:
    create_topics(mortal.bootstrap, f"{topic_prefix}.predictions")
    return topic_prefix


def identities(bootstrap: str, topic: str) -> Counter[str]:
    partition = TopicPartition(topic, 0, 0)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "outage", "log_level": 0})
    end = consumer.get_watermark_offsets(partition, timeout=30)[1]
    consumer.assign([partition])
    messages = consumer.consume(end, timeout=30)
    consumer.close()
    return Counter(orjson.loads(message.value() or b"")["prediction_id"] for message in messages)


def test_events_emitted_while_kafka_is_down_arrive_once_when_it_is_back(
    mortal: LocalCluster, prefix: str
) -> None:
    with Emitter(mortal.bootstrap, model="m", topic_prefix=prefix, config=QUICK) as emitter:
        emitter.prediction({}, 1, prediction_id="before")
        assert emitter.flush(30)
        mortal.kill()
        for number in range(500):
            emitter.prediction({}, 1, prediction_id=f"during-{number}")
        assert not emitter.flush(0.2)
        assert emitter.stats().queue_depth == 500
        mortal.restart()
        emitter.prediction({}, 1, prediction_id="after")
        assert emitter.flush(60)
        assert emitter.stats().delivered == 502
    expected = Counter(["before", "after", *(f"during-{number}" for number in range(500))])
    assert identities(mortal.bootstrap, f"{prefix}.predictions") == expected


def test_an_emitter_may_start_before_kafka_does(mortal: LocalCluster, prefix: str) -> None:
    mortal.kill()
    with Emitter(mortal.bootstrap, model="m", topic_prefix=prefix, config=QUICK) as emitter:
        emitter.prediction({}, 1, prediction_id="early")
        mortal.restart()
        assert emitter.flush(60)
    assert identities(mortal.bootstrap, f"{prefix}.predictions") == Counter(["early"])


def test_a_broker_that_dies_under_load_costs_no_accepted_event(mortal: LocalCluster, prefix: str) -> None:
    """Idempotence at work: what was in flight at the kill is sent again and stored once."""
    sent: list[str] = []
    stop = threading.Event()
    with Emitter(mortal.bootstrap, model="m", topic_prefix=prefix, config=QUICK) as emitter:

        def load() -> None:
            while not stop.wait(0.0001):
                sent.append(emitter.prediction({}, 1))

        caller = threading.Thread(target=load)
        caller.start()
        deadline = time.monotonic() + 60
        while emitter.stats().delivered < 100:
            assert time.monotonic() < deadline
            emitter.flush(0.05)
        mortal.kill()
        mortal.restart()
        stop.set()
        caller.join()
        assert emitter.flush(60)
        stats = emitter.stats()
        assert (stats.dropped_queue_full, stats.failed_delivery, stats.delivered) == (0, 0, len(sent))
    assert identities(mortal.bootstrap, f"{prefix}.predictions") == Counter(sent)
