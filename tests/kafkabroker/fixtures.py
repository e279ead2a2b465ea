"""The pytest fixtures; a ``conftest.py`` re-exports those it offers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from kafkabroker.cluster import Broker, LocalCluster, start_broker
from kafkabroker.unavailable import KafkaUnavailableError


def absent(error: KafkaUnavailableError) -> None:
    """A laptop without Kafka may skip; CI may not, or the suite would be green while nothing was tested."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true needs a real broker. {error}", pytrace=False)
    pytest.skip(str(error))


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One node, shared by the session: do not kill it. Use ``topic_prefix`` for names of your own."""
    try:
        started = start_broker()
    except KafkaUnavailableError as error:
        absent(error)
        return
    with started:
        yield started


@pytest.fixture(scope="module")
def three_brokers() -> Iterator[LocalCluster]:
    """Three nodes that tests may kill; whoever kills one restarts it."""
    try:
        started = start_broker(nodes=3)
    except KafkaUnavailableError as error:
        absent(error)
        return
    assert isinstance(started, LocalCluster)
    with started:
        yield started


@pytest.fixture
def topic_prefix() -> str:
    """A name no other test has used."""
    return f"t{uuid.uuid4().hex[:10]}"
