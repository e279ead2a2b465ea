"""Create topics, and see what they are.

Needs a real broker: the embedded one answers ``partition_counts`` only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

# confluent_kafka.admin offers this name at run time but does not re-export it to type checkers.
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import BrokerUnreachableError, TopicMissingError, translate
from tiltmeter.kafka.reach import CONNECT_SECONDS, Reach
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.retry import PAUSE_SECONDS
from tiltmeter.kafka.topics import TopicSpec

T = TypeVar("T")


class TopicStatus(StrEnum):
    CREATED = "created"
    EXISTS = "exists"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class TopicOutcome:
    """What became of one spec; ``differences`` says what a MISMATCH consists of. Nothing is ever altered."""

    name: str
    status: TopicStatus
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """``records`` is end minus beginning over all partitions: an upper bound where a topic is compacted.

    Bytes are absent: librdkafka has no request for the sizes of log directories.
    """

    name: str
    partitions: int
    replicas: int
    records: int
    config: Mapping[str, str] = field(default_factory=dict)


class TopicAdmin:
    """Every method raises a KafkaLogError if the broker does not answer in ``timeout_seconds``."""

    def __init__(self, connection: KafkaConnection, timeout_seconds: float = 30) -> None:
        self._connection = connection
        self._reach = Reach(connection)
        self._admin = self._reach.client
        self._timeout = timeout_seconds
        self._created: set[str] = set()
        self._connect_seconds = min(timeout_seconds, CONNECT_SECONDS)

    def create(self, specs: Sequence[TopicSpec]) -> list[TopicOutcome]:
        """Create what is missing, compare what exists; in the order of ``specs``. Idempotent."""
        self._reach.metadata(self._connect_seconds)
        new = [NewTopic(s.name, s.partitions, s.replication, config=dict(s.config)) for s in specs]
        asked = self._call(
            lambda: self._admin.create_topics(new, request_timeout=self._timeout), "create topics"
        )
        created = {spec.name for spec in specs if self._was_created(spec.name, asked[spec.name])}
        self._await_visible(created)
        self._created |= created
        old = [spec for spec in specs if spec.name not in created]
        found = {topic.name: topic for topic in self.describe([spec.name for spec in old])}
        outcomes = []
        for spec in specs:
            differences = differences_of(spec, found[spec.name]) if spec.name in found else ()
            status = TopicStatus.MISMATCH if differences else TopicStatus.EXISTS
            outcomes.append(
                TopicOutcome(spec.name, TopicStatus.CREATED if spec.name in created else status, differences)
            )
        return outcomes

    def describe(self, names: Sequence[str]) -> list[TopicDescription]:
        """In the order of ``names``; raises TopicMissingError for the first that does not exist."""
        if not names:
            return []
        topics = self._replica_counts(names)
        configs = self._configs(names)
        with PartitionReader(self._connection, stall_seconds=self._timeout) as reader:
            return [
                TopicDescription(
                    name=name,
                    partitions=len(topics[name]),
                    replicas=min(topics[name].values()),
                    records=sum(
                        reader.latest_offset(where) - reader.earliest_offset(where)
                        for where in (TopicPartition(name, partition) for partition in topics[name])
                    ),
                    config=configs[name],
                )
                for name in names
            ]

    def partition_counts(self, names: Sequence[str]) -> dict[str, int]:
        """Raises TopicMissingError for the first name that does not exist; creates nothing."""
        return {name: len(partitions) for name, partitions in self._replica_counts(names).items()}

    def _replica_counts(self, names: Sequence[str]) -> dict[str, dict[int, int]]:
        """name → partition → replicas."""
        deadline = time.monotonic() + self._timeout
        while True:
            # All topics, because asking a broker for one by name may create it.
            known = self._reach.metadata(self._connect_seconds).topics
            missing = [name for name in names if name not in known]
            # Whichever node answers, it may not have heard yet of what this admin has seen created.
            if not missing or not self._created.issuperset(missing) or time.monotonic() > deadline:
                break
            time.sleep(PAUSE_SECONDS)
        if missing:
            raise TopicMissingError(f"look up {missing[0]}", "no such topic")
        return {name: {p.id: len(p.replicas) for p in known[name].partitions.values()} for name in names}

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Of topics that some node knows already; another node may hear of a new one a moment later."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return self._configs_now(names)
            except TopicMissingError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_SECONDS)

    def _configs_now(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        asked = self._call(
            lambda: self._admin.describe_configs(resources, request_timeout=self._timeout),
            "read topic settings",
        )
        configs = {}
        for resource, answer in asked.items():
            entries = self._result(answer, f"read the settings of {resource.name}")
            configs[resource.name] = {key: entry.value for key, entry in entries.items()}
        return configs

    def _await_visible(self, names: set[str]) -> None:
        """The controller's yes comes milliseconds before the brokers know of a topic, and of its leaders."""
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            topics = self._reach.metadata(self._connect_seconds).topics
            if all(name in topics and topics[name].partitions for name in names) and all(
                partition.leader >= 0 for name in names for partition in topics[name].partitions.values()
            ):
                return
            time.sleep(0.02)
        raise BrokerUnreachableError("create topics", f"no leader for all of {', '.join(sorted(names))}")

    def _was_created(self, name: str, answer: Future[None]) -> bool:
        try:
            answer.result(self._timeout)
        except TimeoutError as error:
            raise BrokerUnreachableError(f"create {name}", f"no answer in {self._timeout:g} s") from error
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise translate(error, f"create {name}") from error
        return True

    def _result(self, answer: Future[T], doing: str) -> T:
        return self._call(lambda: answer.result(self._timeout), doing)

    @staticmethod
    def _call(request: Callable[[], T], doing: str) -> T:
        try:
            return request()
        except KafkaException as error:
            raise translate(error, doing) from error


def differences_of(spec: TopicSpec, found: TopicDescription) -> tuple[str, ...]:
    """What is not as ``spec`` wants it, one sentence each."""
    pairs = [
        ("partitions", spec.partitions, found.partitions),
        ("replicas", spec.replication, found.replicas),
    ]
    differences = [
        f"{what} is {is_now}, should be {wanted}" for what, wanted, is_now in pairs if wanted != is_now
    ]
    for key, value in spec.config.items():
        if found.config.get(key) != value:
            differences.append(f"{key} is {found.config.get(key)}, should be {value}")
    return tuple(differences)
