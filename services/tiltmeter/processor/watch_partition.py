"""One owned partition of the WATCH stage: a watcher per model and the I/O around them.

Order of a batch: (1) fold its messages into the watchers, (2) publish the alerts that follow, acknowledged, (3)
from time to time write snapshots. A crash anywhere replays from the last snapshot; an alert published twice has
the same id.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from tiltmeter.core.panes.messages import PANE, read_message
from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.watch.pane_merge import PaneMerge
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.alert import alert_headers, encode_alert
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.producer import LogProducer
from tiltmeter.kafka.reference_topic import reference_record
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.processor.snapshot_parts import Snapshot, parts, whole_ones
from tiltmeter.processor.stage import Batch

#: Alerts per model for the status page, and how many of them outlive the worker.
ALERTS_SHOWN, ALERTS_KEPT = 200, 50


class WatchPartition:
    """``watchers`` by model; ``caught_up`` once everything that stood in the log at the start is folded in."""

    def __init__(
        self,
        partition: int,
        names: TopicNames,
        producer: LogProducer,
        policy: JoinPolicy,
        references: ReferenceBook,
        snapshot_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.watchers: dict[str, Watcher] = {}
        self.alerts: dict[str, deque[dict[str, Any]]] = {}
        self.caught_up = False
        self._partition = partition
        self._names = names
        self._producer = producer
        self._policy = policy
        self._references = references
        self._from: dict[str, int] = {}  # model → first offset its snapshot does not contain
        self._place: dict[str, int] = {}  # model → where its newest snapshot is
        self._sources = PaneMerge(policy.delay_ms)  # what the source partitions have said, for new models
        self._next = 0
        self._end_at_start = 0
        self._clock = clock
        self._snapshot_seconds = snapshot_seconds
        self._snapshot_at = clock()
        self._changed: set[str] = set()
        self._published: set[str] = set()  # learned references

    def restore(self, records: list[LogRecord], log_end: int) -> int | None:
        """Take up the latest snapshot of each model; returns where to read on, None for the beginning."""
        newest: dict[str, Snapshot] = {}
        for found in whole_ones(records):
            known = newest.get(found.model)
            if known is None or known.about["next"] < found.about["next"]:
                newest[found.model] = found
        for model, (_, place, about, state) in newest.items():
            self._watcher(model).restore(state)
            self._from[model], self._place[model] = about["next"], place
            self.alerts[model] = deque(about["alerts"], maxlen=ALERTS_SHOWN)
        self._end_at_start = log_end
        if self._from:
            # A source partition that is idle said so once, long before the place where reading goes on.
            oldest = self.watchers[min(self._from, key=lambda model: self._from[model])].merge
            self._sources.partitions, self._sources.sources = oldest.partitions, copy.deepcopy(oldest.sources)
        return min(self._from.values(), default=None)

    async def process(self, batch: Batch) -> None:
        for record in batch.records:
            if record.value is not None:
                self._fold(record.offset, read_message(record.value))
        self._next = batch.end
        sent = []
        for model, watcher in self.watchers.items():
            panes, alerts = watcher.advance()
            if panes:
                self._changed.add(model)
            for alert in alerts:
                self.alerts.setdefault(model, deque(maxlen=ALERTS_SHOWN)).append(alert)
                sent.append(await self._publish_alert(model, alert))
            sent.extend([await self._publish(learned) for learned in self._newly_learned(watcher)])
        for delivered in sent:
            await delivered
        self.caught_up = self.caught_up or batch.end >= self._end_at_start
        if self._clock() - self._snapshot_at >= self._snapshot_seconds:
            await self.snapshot()

    def _newly_learned(self, watcher: Watcher) -> list[ReferenceProfile]:
        """References to publish: once per process, and again after a crash that may have come first."""
        learned = [version.learned for version in watcher.versions.values() if version.learned is not None]
        new = [
            r
            for r in learned
            if r.reference_id not in self._published and not self._references.by_id(r.reference_id)
        ]
        self._published.update(reference.reference_id for reference in new)
        return new

    async def _publish_alert(self, model: str, alert: dict[str, Any]) -> asyncio.Future[int]:
        headers = alert_headers(alert, self._names.source)
        return await self._producer.produce(
            self._names.alerts, None, model.encode(), encode_alert(alert), headers
        )

    async def _publish(self, reference: ReferenceProfile) -> asyncio.Future[int]:
        key, value = reference_record(reference)
        return await self._producer.produce(self._names.references, 0, key, value)

    def _fold(self, offset: int, message: dict[str, Any]) -> None:
        if message["type"] == PANE:
            model = message["pane"]["model"]
            if offset >= self._from.get(model, 0):
                self._watcher(model).on_message(message)
                self._changed.add(model)
            return
        self._sources.on_watermark(message)
        for model, watcher in self.watchers.items():
            if offset >= self._from.get(model, 0):
                watcher.on_message(message)

    def _watcher(self, model: str) -> Watcher:
        if model not in self.watchers:
            watcher = Watcher(
                model,
                self._policy.model(model),
                self._policy.delay_ms,
                self._references,
                write_panes=False,
            )
            watcher.merge.partitions = self._sources.partitions
            watcher.merge.sources = copy.deepcopy(self._sources.sources)
            self.watchers[model] = watcher
        return self.watchers[model]

    def change_policy(self, policy: JoinPolicy) -> None:
        """Watch by ``policy`` from the next batch on, with all that is known."""
        before, self._policy = self._policy, policy
        for model, watcher in self.watchers.items():
            if policy.model(model) != before.model(model):
                self.watchers[model] = watcher.with_policy(policy.model(model))
                self._changed.add(model)

    async def snapshot(self) -> None:
        """Write the state of every model that has changed, with the offset up to which it has read."""
        sent = []
        for model in sorted(self._changed):
            about = {"next": self._next, "alerts": list(self.alerts.get(model, ()))[-ALERTS_KEPT:]}
            place = self._place[model] = 1 - self._place.get(model, 1)
            for key, value in parts(Snapshot(model, place, about, self.watchers[model].snapshot())):
                sent.append(await self._producer.produce(self._names.snapshots, self._partition, key, value))
        for delivered in sent:
            await delivered
        self._changed.clear()
        self._snapshot_at = self._clock()
