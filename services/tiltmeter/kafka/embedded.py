"""A Kafka inside this process: librdkafka's mock cluster, for a demo without Kafka and for quick tests.

It speaks the protocol over loopback to any client, in C threads that do not hold the interpreter's lock. What
it is not: it keeps about 5 MiB per partition and then forgets the oldest; it neither compacts nor searches by
time; topics cannot be created or described over the wire (an unknown one appears with 4 partitions);
transactions mean nothing; nothing survives the process. Do not base a promise about durability on it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import confluent_kafka

from tiltmeter.kafka.errors import EmbeddedBrokerError

_RD_KAFKA_PRODUCER = 0


class EmbeddedBroker:
    """``with EmbeddedBroker({"events": 4}) as broker: ... broker.bootstrap_servers``.

    ``topics`` maps names to partition counts. ``brokers`` is the number of nodes; all of them have every
    partition. Raises EmbeddedBrokerError where librdkafka's shared library cannot be found.
    """

    def __init__(self, topics: Mapping[str, int], brokers: int = 1) -> None:
        self._library = _load_library()
        message = ctypes.create_string_buffer(512)
        configuration = self._library.rd_kafka_conf_new()
        # The client exists to carry the cluster; that it has no servers to connect to is no news for a terminal.
        self._library.rd_kafka_conf_set(configuration, b"log_level", b"3", message, len(message))
        self._client = self._library.rd_kafka_new(_RD_KAFKA_PRODUCER, configuration, message, len(message))
        if not self._client:
            raise EmbeddedBrokerError("start the embedded broker", message.value.decode())
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        # Two members that join at the same moment must meet in one generation.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 200)
        self.bootstrap_servers: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for name, partitions in topics.items():
            self.create_topic(name, partitions, replication=brokers)

    def create_topic(self, name: str, partitions: int, replication: int = 1) -> None:
        """Add a topic; raises EmbeddedBrokerError if it exists."""
        failed = self._library.rd_kafka_mock_topic_create(
            self._cluster, name.encode(), partitions, replication
        )
        if failed:
            raise EmbeddedBrokerError(f"create {name}", f"librdkafka answers error {failed}")

    def close(self) -> None:
        """Stop the nodes and forget every record. Safe to call twice."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _load_library() -> ctypes.CDLL:
    """The very library that confluent_kafka has loaded, from beside it (Linux) or inside it (macOS)."""
    package = Path(confluent_kafka.__file__).parent
    found = [
        *package.parent.glob("confluent_kafka.libs/librdkafka*.so*"),
        *package.glob(".dylibs/librdkafka*.dylib"),
    ]
    if not found:
        raise EmbeddedBrokerError("start the embedded broker", "the wheel's librdkafka is not there")
    library = ctypes.CDLL(str(found[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
