"""What cannot go on ends the process, soon, with a message and a non-zero exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Producer

from kafka.engine_worker_process import WorkerProcess, wait_until
from kafka.engine_worker_scene import QUICK, Scene
from kafkabroker import Broker, create_topics

pytestmark = pytest.mark.kafka


def test_a_stage_that_raises_stops_the_worker_and_its_batch_is_not_committed(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    scene = Scene(broker.bootstrap, topic_prefix, tmp_path, partitions=1)
    scene.produce(100)
    with scene.worker("w") as worker:
        wait_until(lambda: scene.done(worker))
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        producer.produce(scene.topics[0], b"poison", partition=0)
        producer.flush()
        assert worker.wait() == 1
    log = worker.log.read_text()
    assert f"ExactStage, partition 0: {scene.topics[0]} [100, 101) failed" in log
    assert "ValueError: cannot be processed" in log
    assert "Operator action" in log
    assert scene.committed() == scene.produced  # the hundred before it
    scene.assert_exactly_once()


def worker_on(broker: Broker, topics: list[str], directory: Path) -> WorkerProcess:
    return WorkerProcess(
        {
            "bootstrap": broker.bootstrap,
            "group": topics[0],
            "dir": str(directory),
            "counting": [topics],
            "options": QUICK,
        }
    )


def test_a_missing_topic_stops_the_worker(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    create_topics(broker.bootstrap, f"{topic_prefix}.a", partitions=2)
    with worker_on(broker, [f"{topic_prefix}.a", f"{topic_prefix}.b"], tmp_path) as worker:
        assert worker.wait() == 1
    assert f"topic {topic_prefix}.b does not exist" in worker.log.read_text()


def test_unequal_partition_counts_stop_the_worker(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    create_topics(broker.bootstrap, f"{topic_prefix}.a", partitions=2)
    create_topics(broker.bootstrap, f"{topic_prefix}.b", partitions=3)
    with worker_on(broker, [f"{topic_prefix}.a", f"{topic_prefix}.b"], tmp_path) as worker:
        assert worker.wait() == 1
    assert f"{topic_prefix}.a has 2, {topic_prefix}.b has 3" in worker.log.read_text()
