"""Replay: the same joiner and watcher as the processor, with event time as the only clock.

Nothing here decides anything: it moves records and panes between the two state machines. What it yields equals
what a live run published, except for panes that a live run closed on idle partitions (semantics 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tiltmeter.backtest.source_log import SourceLog
from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message, read_message, watermark_message
from tiltmeter.core.panes.pane import LABEL_PANE, PREDICTION_PANE
from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.columns import LogRecord

SIDES = (PREDICTIONS, FEEDBACK)


class Replay:
    """``run`` yields ("pane" | "alert" | "rejected", value) in the order in which they come to be known."""

    def __init__(self, logs: Sequence[SourceLog], policy: JoinPolicy, references: ReferenceBook) -> None:
        self.joiners: dict[int, Joiner] = {}
        self.watchers: dict[str, Watcher] = {}
        self._logs = logs
        self._policy = policy
        self._references = references
        self._log_offset = 0
        for partition in sorted({log.partition for log in logs}):
            self.joiners[partition] = Joiner(partition, MemoryStore(), policy, references)
        #: Partitions without a prediction hold nobody up; without feedback they have no label panes to wait for.
        self._with = {
            side: {log.partition for log in logs if log.side == side and log.records} for side in SIDES
        }
        #: The watermark each partition has told the watchers, for models that come later: never ahead of its panes.
        self._said = {partition: self._watermark(joiner) for partition, joiner in self.joiners.items()}

    def run(self, progress: Callable[[int], None] | None = None) -> Iterator[tuple[str, Any]]:
        """Always advance the log that is furthest behind in event time: that bounds what must be remembered."""
        heads: list[tuple[SourceLog, list[LogRecord]]] = []
        for log in self._logs:
            head = next(log.batches, None)
            if head is not None:
                heads.append((log, head))
        while heads:
            log, records = min(heads, key=lambda item: self._mark(item[0]))
            heads.remove((log, records))
            yield from self._process(log, records)
            if progress is not None:
                progress(len(records))
            head = next(log.batches, None)
            if head is not None:
                heads.append((log, head))

    def _mark(self, log: SourceLog) -> tuple[int, int, str]:
        side = self.joiners[log.partition].state.sides[log.side]
        return side.natural_ms, log.partition, log.side

    def _process(self, log: SourceLog, records: list[LogRecord]) -> Iterator[tuple[str, Any]]:
        joiner = self.joiners[log.partition]
        start = joiner.state.sides[log.side].next
        start = records[0].offset if start is None else start
        decision, rejected = joiner.decide(log.side, start, records[-1].offset + 1, records)
        joiner.apply(decision, self._log_offset)
        self._log_offset += 1
        yield from (("rejected", (log, item)) for item in rejected)
        yield from self._watch(joiner)

    def _watch(self, joiner: Joiner) -> Iterator[tuple[str, Any]]:
        marks = joiner.watermarks()
        for pane in joiner.outbox():
            watcher = self._watcher(pane.key.model)
            watcher.on_message(read_message(pane_message(pane, joiner.partition, 0)))
        joiner.confirm(marks)
        said = self._said[joiner.partition] = self._watermark(joiner)
        for watcher in self.watchers.values():
            watcher.on_message(said)
            panes, alerts = watcher.advance()
            yield from (("pane", pane) for pane in panes)
            yield from (("alert", alert) for alert in alerts)
            for version in watcher.versions.values():
                if version.learned is not None:
                    self._references.add(version.learned)

    def _watermark(self, joiner: Joiner) -> dict[str, Any]:
        marks = joiner.watermarks()
        if joiner.partition not in self._with[FEEDBACK]:
            marks[LABEL_PANE] = marks[PREDICTION_PANE]
        idle = joiner.partition not in self._with[PREDICTIONS]
        return read_message(watermark_message(joiner.partition, len(self.joiners), 0, marks, idle))

    def _watcher(self, model: str) -> Watcher:
        if model not in self.watchers:
            watcher = Watcher(model, self._policy.model(model), self._policy.delay_ms, self._references)
            for said in self._said.values():
                watcher.on_message(said)
            self.watchers[model] = watcher
        return self.watchers[model]
