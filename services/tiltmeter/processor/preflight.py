"""Would a worker with these settings work? Asked before it starts, one finding per question."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tiltmeter.core.policy import DAY, HOUR
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceFormatError
from tiltmeter.kafka.admin import TopicAdmin, TopicDescription
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import KafkaLogError
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.reference_topic import ReferenceTopic
from tiltmeter.kafka.topics import SNAPSHOT_BYTES, TopicNames
from tiltmeter.settings import Settings

#: Disk per waiting prediction: a row of 80 bytes as RocksDB keeps it, and the label that joins it (measured:
#: docs/decisions/0002-local-store.md).
BYTES_PER_PREDICTION = 170


@dataclass(frozen=True, slots=True)
class Finding:
    """``ok`` False would keep a worker from doing its job."""

    what: str
    ok: bool
    text: str


def preflight(settings: Settings) -> Iterator[Finding]:
    """Stops early where later questions have no answer."""
    names = TopicNames(settings.kafka.topic_prefix)
    try:
        connection = settings.connection()
        admin = TopicAdmin(connection, timeout_seconds=10)
        counts = admin.partition_counts([])
        yield Finding("broker", True, settings.kafka.bootstrap_servers)
    except KafkaLogError as error:
        yield Finding("broker", False, str(error))
        return
    found: dict[str, TopicDescription] = {}
    for name in names.all():
        try:
            found[name] = admin.describe([name])[0]
        except KafkaLogError as error:
            yield Finding("topic", False, str(error))
            continue
        topic = found[name]
        counts[name] = topic.partitions
        yield Finding("topic", True, f"{name}: {topic.partitions} partitions, {topic.replicas} replicas")
    if len(found) < len(names.all()):
        return
    yield from _partition_counts(names, counts)
    yield from _retention(settings, names, found)
    yield from _record_sizes(names, found)
    yield _disk(settings, connection, names, counts)
    yield _references(connection, names)


def _partition_counts(names: TopicNames, counts: dict[str, int]) -> Iterator[Finding]:
    sources = counts[names.predictions]
    for name in (names.feedback, names.joinlog):
        if counts[name] != sources:
            text = (
                f"{name} has {counts[name]}, {names.predictions} has {sources}: start over under a new prefix"
            )
            yield Finding("partitions", False, text)
            return
    yield Finding("partitions", True, f"{sources} of predictions, feedback and join log")


def _retention(
    settings: Settings, names: TopicNames, found: dict[str, TopicDescription]
) -> Iterator[Finding]:
    """A log must reach back as far as what is rebuilt from it."""
    windows = [settings.default, *settings.models.values()]
    longest = max(model.pane * max(model.windows.values()) for model in windows)
    needed = {
        names.predictions: (settings.join.retention, "join.retention"),
        names.feedback: (settings.join.retention, "join.retention"),
        names.joinlog: (settings.join_policy().log_retention_ms, "what the join log must reach back"),
        names.panes: (longest, "the longest window"),
    }
    for name, (least_ms, why) in needed.items():
        kept = int(found[name].config.get("retention.ms", "-1"))
        if 0 <= kept < least_ms:
            text = f"{name} keeps {_span(kept)}, {why} is {_span(least_ms)}: raise retention.ms"
            yield Finding("retention", False, text)
        elif "compact" in found[name].config.get("cleanup.policy", ""):
            yield Finding(
                "retention", False, f"{name} is compacted and would lose events: set cleanup.policy=delete"
            )
        else:
            yield Finding("retention", True, f"{name}: {'for ever' if kept < 0 else _span(kept)}")


def _record_sizes(names: TopicNames, found: dict[str, TopicDescription]) -> Iterator[Finding]:
    """Records of ours are larger than what a topic takes that was made by hand."""
    for name in (names.joinlog, names.snapshots, names.references):
        taken = int(found[name].config.get("max.message.bytes", SNAPSHOT_BYTES))
        if taken < SNAPSHOT_BYTES:
            text = f"{name} takes {taken:,} bytes, {SNAPSHOT_BYTES:,} may come: raise max.message.bytes"
            yield Finding("record size", False, text)
            return
    yield Finding("record size", True, f"{SNAPSHOT_BYTES >> 20} MiB where state is kept")


def _disk(
    settings: Settings, connection: KafkaConnection, names: TopicNames, counts: dict[str, int]
) -> Finding:
    """From the rate of the last hour, as Kafka's timestamps tell it."""
    now_ms = time.time_ns() // 1_000_000
    records = 0
    with PartitionReader(connection, stall_seconds=10) as reader:
        partitions = [TopicPartition(names.predictions, p) for p in range(counts[names.predictions])]
        hour_ago = reader.offsets_for_time(partitions, now_ms - HOUR)
        records = sum(reader.latest_offset(where) - hour_ago[where] for where in partitions)
    size = records * settings.join.retention // HOUR * BYTES_PER_PREDICTION
    where = settings.processor.state_dir or "memory (processor.state_dir is not set)"
    text = (
        f"{records:,} predictions in the last hour: about {size / 1e9:.1f} GB over join.retention, in {where}"
    )
    return Finding("state", True, text)


def _references(connection: KafkaConnection, names: TopicNames) -> Finding:
    try:
        profiles = list(ReferenceTopic(connection, names.references).fresh())
    except (ReferenceFormatError, KafkaLogError) as error:
        return Finding("references", False, str(error))
    book = ReferenceBook(profiles)
    for profile in book:
        if (problem := book.incomparable(profile)) is not None:
            return Finding("references", False, f"{profile.reference_id}: {problem}")
    latest = sorted({f"{p.model} {p.version}" for p in profiles})
    shown = ", ".join(latest[:10]) + (" ..." if len(latest) > 10 else "")
    return Finding("references", True, shown or "none: models are watched for performance only")


def _span(ms: int) -> str:
    return f"{ms / DAY:g} d" if ms >= DAY else f"{ms / HOUR:g} h"
