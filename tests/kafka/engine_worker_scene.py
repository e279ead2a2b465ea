"""Topics, input and final verdict of one engine test."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from kafka.engine_worker_changelog import counting, read
from kafka.engine_worker_process import WorkerProcess
from kafka.engine_worker_state import LocalState
from kafkabroker import create_topics

QUICK = {"session_timeout": 2.0, "heartbeat_interval": 0.3, "rebalance_timeout": 6.0, "idle_interval": 0.3}


class Scene:
    """Two co-partitioned source topics, a changelog, an output, and what was produced into the sources."""

    def __init__(self, bootstrap: str, prefix: str, directory: Path, partitions: int) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.directory = directory
        self.partitions = partitions
        self.topics = [f"{prefix}.predictions", f"{prefix}.feedback"]
        self.changelog = f"{prefix}.changelog"
        self.output = f"{prefix}.out"
        create_topics(bootstrap, *self.topics, self.changelog, self.output, partitions=partitions)
        self.produced: dict[tuple[str, int], int] = defaultdict(int)

    def produce(self, count: int) -> None:
        """`count` more records into each partition of each source; the value is the offset."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True})
        for topic in self.topics:
            for partition in range(self.partitions):
                for _ in range(count):
                    value = b"%d" % self.produced[topic, partition]
                    producer.produce(topic, value, partition=partition)
                    self.produced[topic, partition] += 1
                producer.flush()

    def worker(self, name: str, **config: Any) -> WorkerProcess:
        """A worker with the exact stage; the same name finds its files again."""
        options = {**QUICK, "batch_records": 50, **config.pop("options", {})}
        return WorkerProcess(
            {
                "name": name,
                "bootstrap": self.bootstrap,
                "group": self.prefix,
                "dir": str(self.directory / name),
                "topics": self.topics,
                "changelog": self.changelog,
                "output": self.output,
                "options": options,
                **config,
            }
        )

    def done(self, *workers: WorkerProcess) -> bool:
        """Everything produced so far was processed, by whomever."""
        ends: dict[tuple[str, int], int] = {}
        for worker in workers:
            for source, end in worker.ends().items():
                ends[source] = max(end, ends.get(source, 0))
            for opened in worker.saw("open"):
                for topic, end in opened["inputs"].items():
                    source = topic, opened["partition"]
                    ends[source] = max(end, ends.get(source, 0))
        return ends == self.produced

    def committed(self) -> dict[tuple[str, int], int]:
        """What the group committed, where it did."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.prefix})
        asked = [TopicPartition(topic, partition) for topic, partition in self.produced]
        answer = consumer.committed(asked, timeout=10)
        consumer.close()
        return {(tp.topic, tp.partition): tp.offset for tp in answer if tp.offset >= 0}

    def assert_exactly_once(self) -> None:
        """The state that any worker would restore holds every record once, in order, nothing else."""
        for partition in range(self.partitions):
            rows: dict[str, list[tuple[int, str]]] = defaultdict(list)
            for _, record in counting(read(self.bootstrap, self.changelog, partition, 0)):
                if record["kind"] == "batch":
                    rows[record["topic"]] += [(at, value) for at, value in record["rows"]]
            for topic in self.topics:
                assert rows[topic] == [(n, str(n)) for n in range(self.produced[topic, partition])]

    def assert_local_state(self, name: str) -> None:
        """A worker's own files hold the same."""
        for partition in range(self.partitions):
            state = LocalState(self.directory / name / f"{partition}.sqlite")
            expected = [
                (topic, n, str(n))
                for topic in sorted(self.topics)
                for n in range(self.produced[topic, partition])
            ]
            assert state.seen() == expected
            state.close()

    def assert_output_complete(self) -> None:
        """Each stretch of input reached the output at least once, and repetitions say the same."""
        for partition in range(self.partitions):
            values: dict[tuple[str, int], str] = {}
            for _, record in read(self.bootstrap, self.output, partition, 0):
                for at, value in record["rows"]:
                    assert values.setdefault((record["topic"], at), value) == value
            assert values == {
                (topic, n): str(n) for topic in self.topics for n in range(self.produced[topic, partition])
            }
