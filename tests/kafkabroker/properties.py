"""``server.properties`` of one node: KRaft, broker and controller in one process, tuned for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """Where one node listens, on loopback."""

    node: int
    broker_port: int
    controller_port: int


def server_properties(
    address: NodeAddress, everyone: Sequence[NodeAddress], data: Path, overrides: Mapping[str, str]
) -> str:
    """The file's text. ``overrides`` win over everything here; listeners and their protocols are added to ours."""
    voters = ",".join(f"{peer.node}@127.0.0.1:{peer.controller_port}" for peer in everyone)
    copies = min(3, len(everyone))
    listen = f"BROKER://127.0.0.1:{address.broker_port},CONTROLLER://127.0.0.1:{address.controller_port}"
    values = {
        "process.roles": "broker,controller",
        "node.id": str(address.node),
        "controller.quorum.voters": voters,
        "listeners": listen,
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "BROKER",
        "log.dirs": str(data),
        # A misspelt topic must fail a test, not appear.
        "auto.create.topics.enable": "false",
        # Events carry made-up times: neither the past nor the future may cost them.
        "log.retention.ms": "-1",
        "log.message.timestamp.after.max.ms": str(2**63 - 1),
        # Tests of compaction need not wait fifteen seconds for the cleaner.
        "log.cleaner.backoff.ms": "200",
        # Groups form at once, and a lost member or node is noticed within seconds.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "4000",
        "offsets.topic.num.partitions": str(copies),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.num.partitions": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(min(2, copies)),
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(min(2, copies)),
    }
    added = {key: f"{values[key]},{overrides[key]}" for key in _ADDED if key in overrides}
    return "".join(f"{key}={value}\n" for key, value in {**values, **overrides, **added}.items())


_ADDED = ("listeners", "listener.security.protocol.map")

#: Warnings and errors only, to the node's own log file.
LOG4J2_PROPERTIES = """status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
"""
