"""The batching transport alone: order, completeness, backpressure, and what it is for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from kafka.engine_worker_process import WorkerProcess, wait_until
from kafka.engine_worker_scene import QUICK
from kafkabroker import Broker, create_topics

pytestmark = pytest.mark.kafka

PLAIN = Path(__file__).parent / "engine_worker_plain.py"


def produce(bootstrap: str, topic: str, partitions: int, each: int, size: int) -> None:
    """The value begins with its offset, twelve digits."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 50,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    padding = b"x" * (size - 12)
    for offset in range(each):
        for partition in range(partitions):
            producer.produce(topic, b"%012d" % offset + padding, partition=partition)
        if offset % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0


def config(broker: Broker, topic: str, directory: Path, **more: Any) -> dict[str, Any]:
    base = {"bootstrap": broker.bootstrap, "group": topic, "dir": str(directory)}
    return {**base, "counting": [[topic]], "options": QUICK, **more}


def test_every_record_arrives_once_and_in_order(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """200,000 records of 425 bytes over four partitions; prints the rate next to a plain agent's."""
    create_topics(broker.bootstrap, topic_prefix, partitions=4)
    produce(broker.bootstrap, topic_prefix, partitions=4, each=50_000, size=425)
    with WorkerProcess(config(broker, topic_prefix, tmp_path / "batches")) as worker:
        wait_until(lambda: worker.ends() == {(topic_prefix, p): 50_000 for p in range(4)})
        assert worker.stop() == 0
    batches = worker.saw("batch")
    for partition in range(4):
        ends = 0
        for batch in (b for b in batches if b["partition"] == partition):
            assert batch["start"] == ends
            ends = batch["end"]
    rate = 200_000 / (batches[-1]["seconds"] - worker.saw("open")[-1]["seconds"])

    plain = {
        **config(broker, topic_prefix, tmp_path),
        "topic": topic_prefix,
        "group": f"{topic_prefix}.plain",
    }
    process = subprocess.Popen(
        [sys.executable, str(PLAIN), json.dumps({**plain, "records": 50_000})],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        lines = (json.loads(line) for line in process.stdout if line.startswith("{"))
        plain_rate = next(lines)["records_per_second"]
        process.kill()
    first = batches[0]["seconds"]
    print(f"\nbatches {rate:,.0f}/s, plain agent {plain_rate:,}/s, first batch {first:.2f} s after start")


def test_a_slow_partition_is_held_and_the_others_go_on(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    """
    0  #....#....#....#....#....   0.1 s a batch: fetched at most two ahead
    1  ########                    done meanwhile
    """
    create_topics(broker.bootstrap, topic_prefix, partitions=2)
    produce(broker.bootstrap, topic_prefix, partitions=2, each=5_000, size=100)
    slow = {"slow": {"0": 0.1}, "options": {**QUICK, "batch_records": 200}}
    with WorkerProcess(config(broker, topic_prefix, tmp_path, **slow)) as worker:
        wait_until(lambda: worker.ends().get((topic_prefix, 1)) == 5_000)
        assert worker.ends().get((topic_prefix, 0), 0) < 5_000
        wait_until(lambda: worker.ends().get((topic_prefix, 0)) == 5_000)
        wait_until(lambda: worker.saw("idle", partition=0))
        assert worker.stop() == 0


def test_idle_means_that_the_end_of_the_log_was_processed(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    """Also behind a transaction's marker, which takes an offset and is no record."""
    create_topics(broker.bootstrap, topic_prefix, partitions=1)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic_prefix})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(topic_prefix, b"%012d" % 0)
    producer.commit_transaction()
    with WorkerProcess(config(broker, topic_prefix, tmp_path)) as worker:
        idle = wait_until(lambda: [e for e in worker.saw("idle") if e["idle_ms"] > 500])
        assert worker.saw("batch")[-1]["seconds"] < idle[0]["seconds"]
        assert worker.stop() == 0
