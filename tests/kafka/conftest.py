"""Tests of this folder may ask for a real broker, or run over both kinds of broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from kafkabroker import create_topics
from kafkabroker.fixtures import broker, three_brokers, topic_prefix
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.embedded import EmbeddedBroker

__all__ = ["AnyBroker", "any_broker", "broker", "three_brokers", "topic_prefix"]


class AnyBroker(Protocol):
    """What the suites over both brokers need."""

    connection: KafkaConnection

    def create(self, topic: str, partitions: int = 1) -> None: ...


class _Real:
    def __init__(self, bootstrap: str) -> None:
        self.connection = KafkaConnection(bootstrap)

    def create(self, topic: str, partitions: int = 1) -> None:
        create_topics(self.connection.bootstrap_servers, topic, partitions=partitions)


class _Embedded:
    def __init__(self, embedded: EmbeddedBroker) -> None:
        self.connection = KafkaConnection(embedded.bootstrap_servers)
        self._embedded = embedded

    def create(self, topic: str, partitions: int = 1) -> None:
        self._embedded.create_topic(topic, partitions)


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.kafka)])
def any_broker(request: pytest.FixtureRequest) -> Iterator[AnyBroker]:
    """The test runs twice: over the embedded broker, and over a real one."""
    if request.param == "real":
        yield _Real(request.getfixturevalue("broker").bootstrap)
        return
    with EmbeddedBroker({}) as embedded:
        yield _Embedded(embedded)
