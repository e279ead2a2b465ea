"""Merge the panes of all source partitions of one model, each exactly once.

A fold over messages: what it holds and what it has merged depends on the messages alone, not on when somebody
asks for :meth:`PaneMerge.ready`.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Any
from zlib import crc32

import orjson

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.messages import NEVER
from tiltmeter.core.panes.pane import LABEL_PANE, PREDICTION_PANE, Pane, PaneId, pane_from_wire, pane_id
from tiltmeter.core.panes.prediction_pane import PredictionPane

#: So many checksums of closed panes are kept per kind, version and segment, to recognise copies that come late.
#: Counted, not timed: after a long pause the panes before it may still be sent again.
MEMORY_PANES = 360
_KINDS = (PREDICTION_PANE, LABEL_PANE)
#: (kind, version, segment): panes in order of time.
Series = tuple[str, str, str]
#: What one source partition has sent: (epoch, its pane as it came, and read).
Part = tuple[int, dict[str, Any], Pane]


@dataclass(slots=True)
class SourceView:
    """What a source partition has said: its owner's epoch and up to where its panes are complete."""

    epoch: int = 0
    prediction: int = NEVER
    label: int = NEVER
    idle: bool = False  # has never seen an event: holds nobody up


@dataclass(slots=True)
class MergeCounters:
    copies: int = 0  # equal copies: a worker sent again what it could not know had arrived
    void: int = 0  # from a worker that had lost its partition
    conflicting: int = 0  # differs from the first copy: a bug
    stray: int = 0  # for a time that is closed already


@dataclass(slots=True)
class PaneMerge:
    """``ready`` takes out merged panes; those of one kind come in order of time."""

    delay_ms: int
    partitions: int = 0  # number of source partitions; 0 until the first watermark says it
    sources: dict[int, SourceView] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, NEVER))
    waiting: dict[PaneId, dict[int, Part]] = field(default_factory=dict)
    closed: dict[Series, dict[PaneKey, dict[int, int]]] = field(default_factory=dict)
    merged: list[Pane] = field(default_factory=list)
    counters: MergeCounters = field(default_factory=MergeCounters)

    def on_watermark(self, message: dict[str, Any]) -> None:
        """A source partition says up to where it has sent all its panes; closes what is complete with that."""
        self.partitions = max(self.partitions, message["partitions"])
        view = self._view(message["partition"], message["epoch"])
        if view is None:
            return
        view.prediction = max(view.prediction, message["prediction"])
        view.label = max(view.label, message["label"])
        view.idle = message["idle"]
        for kind in _KINDS:
            mark = self.closed_to(kind)
            if mark > self.passed[kind]:
                self.passed[kind] = mark
                self._close(kind, mark)

    def on_pane(self, message: dict[str, Any]) -> None:
        """Keep one pane of one source partition; copies and void panes are counted and left.

        A pane that differs from what an earlier epoch sent takes its place while it waits: the earlier owner
        had decided what the log then voided.
        """
        partition, epoch, pane = message["partition"], message["epoch"], message["pane"]
        if self._view(partition, epoch) is None:
            return
        read = pane_from_wire(pane)
        identity = pane_id(read)
        parts = self.waiting.get(identity, {})
        known = self.closed.get(_series(identity), {}).get(identity[1], {}).get(partition)
        if partition in parts:
            known = checksum(parts[partition][1])
        if known is None and identity[1].end_ms + self.delay_ms <= self.closed_to(identity[0]):
            self.counters.stray += 1
        elif known is None:
            self.waiting.setdefault(identity, {})[partition] = (epoch, pane, read)
        elif known == checksum(pane):
            self.counters.copies += 1
        elif partition in parts and parts[partition][0] < epoch:
            parts[partition] = (epoch, pane, read)
            self.counters.void += 1
        else:
            self.counters.conflicting += 1

    def closed_to(self, kind: str) -> int:
        """Panes of this kind are complete up to here: the minimum over all source partitions. Never falls."""
        if self.partitions == 0 or len(self.sources) < self.partitions:
            return self.passed[kind]
        awake = [view for view in self.sources.values() if not view.idle]
        marks = [view.prediction if kind == PREDICTION_PANE else view.label for view in awake]
        return max(self.passed[kind], min(marks, default=NEVER))

    def ready(self) -> list[Pane]:
        """Take out every pane that has been completed since the last call."""
        merged, self.merged = self.merged, []
        return merged

    def forget(self, version: str, segment: str, before_ms: int) -> None:
        """Of a version that was gone then, what was remembered of the panes it had closed."""
        for kind in _KINDS:
            memory = self.closed.pop((kind, version, segment), {})
            left = {key: sums for key, sums in memory.items() if key.start_ms >= before_ms}
            if left:
                self.closed[kind, version, segment] = left

    def _view(self, partition: int, epoch: int) -> SourceView | None:
        """The partition as its owner of this epoch sees it; None, and counted, if there is a later owner.

        A new owner starts over: what a zombie lifted its watermark to binds nobody.
        """
        view = self.sources.setdefault(partition, SourceView(epoch))
        if epoch < view.epoch:
            self.counters.void += 1
            return None
        if epoch > view.epoch:
            view = self.sources[partition] = SourceView(epoch)
        return view

    def _close(self, kind: str, mark: int) -> None:
        over = (i for i in self.waiting if i[0] == kind and i[1].end_ms + self.delay_ms <= mark)
        idle = any(view.idle for view in self.sources.values())
        for identity in sorted(over):
            parts = self.waiting.pop(identity)
            memory = self.closed.setdefault(_series(identity), {})
            memory[identity[1]] = {partition: checksum(pane) for partition, (_, pane, _) in parts.items()}
            if len(memory) > MEMORY_PANES:
                del memory[min(memory)]
            panes = [parts[partition][2] for partition in sorted(parts)]
            for pane in _by_reference(panes):
                pane.lifted = pane.lifted or idle
                self.merged.append(pane)

    def snapshot(self) -> dict[str, Any]:
        return {
            "partitions": self.partitions,
            "sources": [[p, *astuple(view)] for p, view in sorted(self.sources.items())],
            "passed": self.passed,
            "waiting": [
                [p, epoch, pane]
                for _, parts in sorted(self.waiting.items())
                for p, (epoch, pane, _) in sorted(parts.items())
            ],
            "closed": [
                [*series, next(iter(memory)).model, _remembered(memory)]
                for series, memory in sorted(self.closed.items())
            ],
            "merged": [pane.to_wire() for pane in self.merged],
            "counters": list(astuple(self.counters)),
        }


def _remembered(memory: dict[PaneKey, dict[int, int]]) -> list[Any]:
    return [[key.start_ms, key.width_ms, sorted(sums.items())] for key, sums in sorted(memory.items())]


def checksum(pane: dict[str, Any]) -> int:
    """Of the pane's content; how it is spaced or ordered on the wire does not matter."""
    return crc32(orjson.dumps(pane, option=orjson.OPT_SORT_KEYS))


def restore_merge(wire: dict[str, Any], delay_ms: int) -> PaneMerge:
    """The merge a snapshot describes."""
    merge = PaneMerge(delay_ms, wire["partitions"])
    merge.sources = {p: SourceView(*view) for p, *view in wire["sources"]}
    merge.passed = dict(wire["passed"])
    for partition, epoch, pane in wire["waiting"]:
        read = pane_from_wire(pane)
        merge.waiting.setdefault(pane_id(read), {})[partition] = (epoch, pane, read)
    for kind, version, segment, model, memory in wire["closed"]:
        merge.closed[(kind, version, segment)] = {
            PaneKey(start, width, model, version, segment): dict(sums) for start, width, sums in memory
        }
    merge.merged = [pane_from_wire(pane) for pane in wire["merged"]]
    merge.counters = MergeCounters(*wire["counters"])
    return merge


def _series(identity: PaneId) -> Series:
    return identity[0], identity[1].version, identity[1].segment


def _by_reference(panes: list[Pane]) -> list[Pane]:
    """The sum of the panes; several, ascending by id, if the partitions did not know the same reference: panes of
    different references are never added (semantics 24)."""
    sums: dict[str, Pane] = {}
    for pane in panes:
        reference = pane.reference_id if isinstance(pane, PredictionPane) else ""
        if reference in sums:
            sums[reference].add(pane)  # type: ignore[arg-type]  # same id, same kind
        else:
            sums[reference] = pane
    return [sums[reference] for reference in sorted(sums)]
