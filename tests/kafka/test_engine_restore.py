"""Where a restarted worker goes on: the state decides, not the group's commit, and the log must fit it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from kafka.engine_worker_process import wait_until
from kafka.engine_worker_scene import Scene
from kafkabroker import Broker

pytestmark = pytest.mark.kafka


@pytest.fixture
def scene(broker: Broker, topic_prefix: str, tmp_path: Path) -> Scene:
    return Scene(broker.bootstrap, topic_prefix, tmp_path, partitions=1)


def commit(scene: Scene, offset: int) -> None:
    """Make the group say that much is processed."""
    consumer = Consumer({"bootstrap.servers": scene.bootstrap, "group.id": scene.prefix})
    consumer.commit(offsets=[TopicPartition(topic, 0, offset) for topic in scene.topics], asynchronous=False)
    consumer.close()


def log_as_processed(scene: Scene, *stretches: tuple[int, int]) -> None:
    """Changelog records of an earlier worker for the first topic."""
    producer = Producer({"bootstrap.servers": scene.bootstrap})
    records: list[dict[str, Any]] = [{"kind": "claim", "epoch": 1, "owner": "earlier"}]
    for start, end in stretches:
        rows = [(n, str(n)) for n in range(start, end)]
        stretch = {"topic": scene.topics[0], "start": start, "end": end, "rows": rows}
        records.append({"kind": "batch", "epoch": 1, **stretch})
    for record in records:
        producer.produce(scene.changelog, json.dumps(record).encode(), partition=0)
    producer.flush()


def test_state_ahead_of_the_commit_wins(scene: Scene) -> None:
    """
    log     0 ............ 200 ..... 300
    commit            100
    state                  200 > continues here
    """
    scene.produce(300)
    log_as_processed(scene, (0, 120), (120, 200))
    commit(scene, 100)
    with scene.worker("w") as worker:
        wait_until(lambda: scene.done(worker))
        assert worker.stop() == 0
    scene.assert_exactly_once()
    scene.assert_local_state("w")


def test_state_behind_the_commit_wins(scene: Scene) -> None:
    """
    log     0 ............ 200 ..... 300
    commit                 200
    state          100 > continues here
    """
    scene.produce(300)
    log_as_processed(scene, (0, 100))
    commit(scene, 200)
    with scene.worker("w") as worker:
        wait_until(lambda: scene.done(worker))
        assert worker.stop() == 0
    scene.assert_exactly_once()
    scene.assert_local_state("w")


def test_a_hole_in_the_changelog_stops_the_worker(scene: Scene) -> None:
    scene.produce(300)
    log_as_processed(scene, (0, 100), (150, 200))
    with scene.worker("w") as worker:
        assert worker.wait() == 1
        assert worker.saw("batch") == []
    assert f"{scene.topics[0]} continues at 150 instead of 100" in worker.log.read_text()


def test_a_log_shorter_than_the_state_stops_the_worker(scene: Scene) -> None:
    """A recreated topic would otherwise be skipped up to the old offset."""
    scene.produce(50)
    log_as_processed(scene, (0, 100))
    with scene.worker("w") as worker:
        assert worker.wait() == 1
        assert worker.saw("batch") == []
    assert "truncated or recreated" in worker.log.read_text()


def test_records_that_retention_deleted_unread_are_passed_over_loudly(scene: Scene) -> None:
    """
    log     (deleted .......... 150) ..... 300
    state             100 > says so, continues at 150
    """
    scene.produce(300)
    log_as_processed(scene, (0, 100))
    admin = AdminClient({"bootstrap.servers": scene.bootstrap})
    for deleted in admin.delete_records([TopicPartition(scene.topics[0], 0, 150)]).values():
        deleted.result()
    with scene.worker("w") as worker:
        wait_until(lambda: scene.done(worker))
        first = worker.saw("batch", topic=scene.topics[0])[0]
        assert first["start"] == 100
        assert worker.stop() == 0
    assert "retention deleted offsets [100, 150) before they were processed" in worker.log.read_text()
