"""The topics of one Tiltmeter: their names and what each must be configured as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MIB = 1024 * 1024
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

#: Every join partition writes its watermark to every partition of ``panes``: keep the product small.
MOST_PANE_PARTITIONS = 16
#: A watch snapshot holds a model's rings and detectors in one record.
SNAPSHOT_BYTES = 8 * MIB


@dataclass(frozen=True, slots=True)
class TopicNames:
    """``prefix`` keeps two Tiltmeters on a cluster apart; a new one is also how a partition count changes."""

    prefix: str = "tiltmeter"

    @property
    def predictions(self) -> str:
        return f"{self.prefix}.predictions"

    @property
    def feedback(self) -> str:
        return f"{self.prefix}.feedback"

    @property
    def panes(self) -> str:
        return f"{self.prefix}.panes"

    @property
    def alerts(self) -> str:
        return f"{self.prefix}.alerts"

    @property
    def rejected(self) -> str:
        return f"{self.prefix}.rejected"

    @property
    def references(self) -> str:
        return f"{self.prefix}.references"

    @property
    def joinlog(self) -> str:
        """Changelog of the join: partition n restores the join of source partition n."""
        return f"{self.prefix}.joinlog"

    @property
    def snapshots(self) -> str:
        """State of the watch stage, the latest per model."""
        return f"{self.prefix}.snapshots"

    @property
    def source(self) -> str:
        """What a CloudEvent of ours names as its source: this Tiltmeter, whichever worker it was."""
        return f"/{self.prefix}"

    def all(self) -> tuple[str, ...]:
        """In the order in which data flows."""
        return (
            self.predictions,
            self.feedback,
            self.joinlog,
            self.panes,
            self.snapshots,
            self.alerts,
            self.rejected,
            self.references,
        )


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic should be. ``config`` holds only what we insist on; the rest is the cluster's business."""

    name: str
    partitions: int
    replication: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


def topic_specs(
    names: TopicNames,
    *,
    source_partitions: int,
    replication: int = 1,
    join_retention_ms: int = 7 * DAY_MS,
    source_retention_ms: int = 7 * DAY_MS,
    history_retention_ms: int = 90 * DAY_MS,
) -> list[TopicSpec]:
    """All topics of ``names``. ``history_retention_ms`` is for alerts and rejected events.

    With three replicas two must have a record before it counts as written: one node may die, none may lie.
    """
    safe = {
        "min.insync.replicas": "2" if replication >= 3 else "1",
        "unclean.leader.election.enable": "false",
    }
    pane_partitions = min(source_partitions, MOST_PANE_PARTITIONS)

    def kept_for(retention_ms: int) -> dict[str, str]:
        return {**safe, "cleanup.policy": "delete", "retention.ms": str(retention_ms)}

    # An hour, not a week, until the first cleaning: a restart reads these topics from their beginning.
    compacted = {
        **safe,
        "cleanup.policy": "compact",
        "segment.ms": str(HOUR_MS),
        "max.message.bytes": str(SNAPSHOT_BYTES),
    }
    source = {
        **kept_for(source_retention_ms),
        "message.timestamp.type": "CreateTime",
        # Kafka's timestamp is what event times are held against: a record from the future would make all others late.
        "message.timestamp.after.max.ms": str(HOUR_MS),
    }
    # The clock of retention is the append: a backfill of last year's events is not old to the join.
    joinlog = {
        **kept_for(join_retention_ms),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(SNAPSHOT_BYTES),  # a claim holds all open panes
    }
    # A rejected event keeps its bytes and gains headers, so it may be larger than what a source topic takes.
    rejected = {**kept_for(history_retention_ms), "max.message.bytes": str(2 * MIB)}
    wanted: list[tuple[str, int, Mapping[str, str]]] = [
        (names.predictions, source_partitions, source),
        (names.feedback, source_partitions, source),
        (names.joinlog, source_partitions, joinlog),
        (names.panes, pane_partitions, kept_for(source_retention_ms)),
        (names.snapshots, pane_partitions, compacted),
        (names.alerts, 1, kept_for(history_retention_ms)),
        (names.rejected, pane_partitions, rejected),
        (names.references, 1, compacted),
    ]
    return [TopicSpec(name, partitions, replication, config) for name, partitions, config in wanted]
