"""The broker a test talks to: one to three nodes of our own, or one that already runs."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from kafkabroker.launcher import Launcher, find_launcher
from kafkabroker.node import Node
from kafkabroker.ports import ReservedPort
from kafkabroker.properties import NodeAddress, server_properties
from kafkabroker.security import Security

START_SECONDS = 60.0
RESTART_SECONDS = 10.0  # for a controlled shutdown
STOP_SECONDS = 2.0  # the data goes anyway; the last nodes of a cluster wait in vain for a quorum
QUICK_RECONNECT = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0}


class Broker(Protocol):
    """What tests may ask of a broker, ours or not."""

    @property
    def bootstrap(self) -> str:
        """``host:port[,host:port...]`` of every node."""

    def stop(self) -> None:
        """Stop all nodes and delete their data. Safe to call twice."""

    def kill(self, node: int = 1) -> None:
        """SIGKILL one node; it is gone on return. Nodes count from 1."""

    def restart(self, node: int = 1) -> None:
        """Stop a node if it runs, start it over its old data and address; answers again on return."""


class ExternalBroker:
    """A broker of somebody else's: it can be used, not killed."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def stop(self) -> None:
        """Not ours to stop."""

    def kill(self, node: int = 1) -> None:
        raise RuntimeError(f"node {node} of KAFKA_BOOTSTRAP_SERVERS is not ours: use start_broker(own=True)")

    restart = kill

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class LocalCluster:
    """Nodes 1..n, each a process on loopback, data in one temporary folder."""

    def __init__(
        self,
        nodes: int,
        launcher: Launcher,
        jvm: tuple[str, ...],
        overrides: Mapping[str, str],
        security: Security | None = None,
    ) -> None:
        self._stack = ExitStack()
        self._root = Path(tempfile.mkdtemp(prefix="kafkabroker-"))
        self._stack.callback(shutil.rmtree, self._root, ignore_errors=True)
        # The kernel kills a node when the *thread* that started it ends, so one thread starts them all.
        self._spawner = self._stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="kafkabroker"))
        addresses = [NodeAddress(node, self._port(), self._port()) for node in range(1, nodes + 1)]
        self._addresses = {address.node: address for address in addresses}
        self.bootstrap = ",".join(f"127.0.0.1:{address.broker_port}" for address in addresses)
        self.nodes: dict[int, Node] = {}
        self._security = security
        if security is not None:
            sasl, mutual = self._port(), self._port()
            self.sasl_bootstrap, self.mutual_bootstrap = f"127.0.0.1:{sasl}", f"127.0.0.1:{mutual}"
            overrides = {**security.properties(sasl, mutual), **overrides}
        for address in addresses:
            home = self._root / str(address.node)
            text = server_properties(address, addresses, home / "data", overrides)
            name = f"{self._root.name}-{address.node}"
            self.nodes[address.node] = Node(name, home, launcher, jvm, text)
        try:
            self._start_all()
        except BaseException:  # an interrupt during start-up must not leave a JVM behind
            self.stop()
            raise

    def stop(self) -> None:
        for node in self.nodes.values():
            node.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for node in self.nodes.values():
            node.wait(max(0.0, deadline - time.monotonic()))
            node.kill()
        self._stack.close()

    def kill(self, node: int = 1) -> None:
        self.nodes[node].kill()

    def restart(self, node: int = 1) -> None:
        self.nodes[node].terminate()
        self.nodes[node].wait(RESTART_SECONDS)
        self.nodes[node].kill()
        self._start(self.nodes[node])
        self._await_nodes({node})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _port(self) -> int:
        port = ReservedPort()
        self._stack.callback(port.release)
        return port.number

    def _start(self, node: Node) -> None:
        self._spawner.submit(node.start).result()

    def _start_all(self) -> None:
        # Kafka's tool reads an id that begins with a dash as an option.
        cluster_id = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        more = [] if self._security is None else self._security.format_arguments()
        formats = [self._spawner.submit(node.format, cluster_id, more) for node in self.nodes.values()]
        for node, begun in zip(self.nodes.values(), formats, strict=True):
            if begun.result().wait(START_SECONDS) != 0:
                raise RuntimeError(f"formatting the storage of {node.name} failed: {node.log_tail()}")
        for node in self.nodes.values():
            self._start(node)
        self._await_nodes(set(self.nodes))

    def _await_nodes(self, wanted: set[int]) -> None:
        """Each node is asked at its own address: the others list a dead one until its lease ends."""
        deadline = time.monotonic() + START_SECONDS
        for number in sorted(wanted):
            node, address = self.nodes[number], self._addresses[number]
            admin = AdminClient({**QUICK_RECONNECT, "bootstrap.servers": f"127.0.0.1:{address.broker_port}"})
            while not _answers(admin, wanted):
                if node.wait(0.05) is not None:
                    raise RuntimeError(f"{node.name} ended while starting: {node.log_tail()}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{node.name} was not ready in {START_SECONDS:g} s: {node.log_tail()}")


def _answers(admin: AdminClient, wanted: set[int]) -> bool:
    try:
        return wanted <= set(admin.list_topics(timeout=1).brokers)
    except KafkaException:
        return False  # nobody listens yet


def start_broker(
    nodes: int = 1,
    *,
    own: bool = False,
    heap_mb: int = 512,
    full_jit: bool = False,
    overrides: Mapping[str, str] | None = None,
    security: Security | None = None,
) -> LocalCluster | ExternalBroker:
    """A running broker; use it in a ``with``, or call ``stop``.

    ``own=True`` (implied by more than one node and by ``security``) ignores ``KAFKA_BOOTSTRAP_SERVERS``: for
    tests that kill nodes. ``full_jit=True`` is for benchmarks: it spends start-up CPU on a faster broker.
    ``overrides`` go into ``server.properties``. ``security`` gives one node two more listeners, at
    ``sasl_bootstrap`` and ``mutual_bootstrap``. Raises :class:`KafkaUnavailableError`, or RuntimeError with the
    log's tail if the broker does not start.
    """
    external = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if security is not None and nodes != 1:
        raise ValueError("listeners with TLS are for one node")
    if external and not own and nodes == 1 and security is None:
        return ExternalBroker(external)
    jvm = ("-XX:+UseG1GC",) if full_jit else ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    return LocalCluster(nodes, find_launcher(), (f"-Xmx{heap_mb}m", *jvm), overrides or {}, security)
