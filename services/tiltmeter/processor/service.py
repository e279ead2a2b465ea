"""`tiltmeter run`: the wiring of one worker, top to bottom."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.join.pending_store import PendingStore
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reference_topic import ReferenceTopic
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.processor.config_reload import ConfigReload
from tiltmeter.processor.engine.options import EngineOptions
from tiltmeter.processor.engine.owner import Engine
from tiltmeter.processor.engine.worker import process
from tiltmeter.processor.join_stage import JoinStage
from tiltmeter.processor.rocksdb_store import RocksStore
from tiltmeter.processor.watch_stage import WatchStage
from tiltmeter.processor.web import Web
from tiltmeter.settings import Settings

#: How often published references are looked for.
REFERENCE_SECONDS = 5.0

log = logging.getLogger(__name__)


class PartitionCountError(ValueError):
    """The two source topics cannot be joined partition by partition."""


async def serve(
    settings: Settings,
    ready: Callable[[str], None] | None = None,
    path: Path | None = None,
    read: Callable[[], Settings] | None = None,
) -> int:
    """Process until a signal (0) or a failure (1). ``ready`` is told the address of the web server; ``read`` gives
    the settings anew when the file at ``path`` changes (see :class:`ConfigReload`)."""
    connection = settings.connection()
    names = TopicNames(settings.kafka.topic_prefix)
    partitions, panes_partitions = await asyncio.to_thread(_counts, connection, names)
    references = ReferenceBook()
    reference_topic = ReferenceTopic(connection, names.references)
    await asyncio.to_thread(_refresh, references, reference_topic)
    policy = settings.join_policy()
    join = JoinStage(
        connection=connection,
        names=names,
        partitions=partitions,
        panes_partitions=panes_partitions,
        policy=policy,
        references=references,
        open_store=_store_opener(settings.processor.state_dir),
        idle_after_ms=settings.watermark.idle_after,
    )
    watch = WatchStage(
        connection=connection,
        names=names,
        policy=policy,
        references=references,
        snapshot_seconds=settings.processor.snapshot_every / 1000,
    )
    with tempfile.TemporaryDirectory(prefix="tiltmeter-") as scratch:
        options = _engine_options(settings, Path(scratch))

        def change(new: Settings) -> None:
            for stage in (join, watch):
                stage.change_policy(new.join_policy())

        reload = ConfigReload(path, settings, read or (lambda: settings), change)
        web = Web(join, watch, reload, settings.processor.host, settings.processor.port)
        async with web, reload:
            if ready is not None:
                ready(web.url)
            refreshing = asyncio.create_task(_keep_fresh(references, reference_topic))
            try:
                return await process(options, [join, watch], partial(_tell_of_engine, web))
            finally:
                refreshing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await refreshing
                await join.stop()
                await watch.stop()


def _tell_of_engine(web: Web, engine: Engine) -> None:
    web.settled = lambda: engine.settled
    web.lags = engine.lags


def _counts(connection: KafkaConnection, names: TopicNames) -> tuple[int, int]:
    counts = TopicAdmin(connection).partition_counts(names.all())
    if counts[names.predictions] != counts[names.feedback]:
        raise PartitionCountError(
            f"{names.predictions} has {counts[names.predictions]} partitions, {names.feedback} has "
            f"{counts[names.feedback]}: a prediction and its feedback would not meet. Create both under a new "
            "kafka.topic_prefix with equal counts (tiltmeter topics create) and let producers write there."
        )
    if counts[names.joinlog] != counts[names.predictions]:
        raise PartitionCountError(
            f"{names.joinlog} has {counts[names.joinlog]} partitions, {names.predictions} has "
            f"{counts[names.predictions]}: the count of the source topics was changed. Start over under a new "
            "kafka.topic_prefix; ids hash to other partitions now, so the old state cannot be used."
        )
    return counts[names.predictions], counts[names.panes]


def _store_opener(state_dir: Path | None) -> Callable[[int], PendingStore]:
    if state_dir is None:
        return lambda partition: MemoryStore()
    return lambda partition: RocksStore(state_dir / f"join-{partition}")


def _engine_options(settings: Settings, scratch: Path) -> EngineOptions:
    session = settings.processor.session_timeout / 1000
    return EngineOptions(
        connection=settings.connection(),
        group_id=settings.processor.group,
        data_dir=scratch,
        member_id=settings.processor.member_id,
        session_timeout=session,
        heartbeat_interval=min(3.0, session / 6),
        rebalance_timeout=max(session, 10.0),
        batch_records=settings.processor.batch_records,
        idle_interval=min(1.0, settings.watermark.idle_after / 1000),
    )


def _refresh(references: ReferenceBook, topic: ReferenceTopic) -> None:
    for profile in topic.fresh():
        references.add(profile)
        log.info("reference %s of %s %s", profile.reference_id, profile.model, profile.version)


async def _keep_fresh(references: ReferenceBook, topic: ReferenceTopic) -> None:
    while True:
        await asyncio.sleep(REFERENCE_SECONDS)
        try:
            found = await asyncio.to_thread(lambda: list(topic.fresh()))
        except Exception as error:  # noqa: BLE001  # a worker that monitors is worth more than a fresh reference
            log.warning("references could not be read, trying again: %s", error)
            continue
        for profile in found:
            references.add(profile)
            log.info("reference %s of %s %s", profile.reference_id, profile.model, profile.version)
