"""Merge the panes of all source partitions of one model, each exactly once."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Any
from zlib import crc32

import orjson

from tiltmeter.core.join_decision import pane_from_wire
from tiltmeter.core.join_state import LABEL_PANE, NEVER, PREDICTION_PANE, Pane, PaneId, pane_id
from tiltmeter.core.panes.key import PaneKey

#: How long the checksums of closed panes are kept, in pane widths, to recognise copies that come late.
MEMORY_PANES = 360


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
    stray: int = 0  # for a pane that is closed already


@dataclass(slots=True)
class PaneMerge:
    """``ready`` yields merged panes, oldest first, when every source partition has passed their end."""

    delay_ms: int
    partitions: int = 0  # number of source partitions; 0 until the first watermark says it
    sources: dict[int, SourceView] = field(default_factory=dict)
    waiting: dict[PaneId, dict[int, dict[str, Any]]] = field(default_factory=dict)
    closed: dict[PaneId, dict[int, int]] = field(default_factory=dict)
    counters: MergeCounters = field(default_factory=MergeCounters)

    def on_watermark(self, message: dict[str, Any]) -> None:
        """A source partition says up to where it has sent all its panes. A higher epoch is a new owner."""
        self.partitions = max(self.partitions, message["partitions"])
        view = self.sources.setdefault(message["partition"], SourceView())
        if message["epoch"] < view.epoch:
            self.counters.void += 1
            return
        view.epoch = message["epoch"]
        view.prediction = max(view.prediction, message["prediction"])
        view.label = max(view.label, message["label"])
        view.idle = message["idle"]

    def on_pane(self, message: dict[str, Any]) -> None:
        """Keep one pane of one source partition; copies and void panes are counted and left."""
        partition, epoch, pane = message["partition"], message["epoch"], message["pane"]
        view = self.sources.setdefault(partition, SourceView())
        identity = pane_id(pane_from_wire(pane))
        if epoch < view.epoch:
            self.counters.void += 1
            return
        first = self.waiting.get(identity, {}).get(partition)
        known = checksum(first) if first is not None else self.closed.get(identity, {}).get(partition)
        if known is not None:
            if known == checksum(pane):
                self.counters.copies += 1
            else:
                self.counters.conflicting += 1
        elif identity in self.closed or identity[1].end_ms + self.delay_ms <= self.closed_to(identity[0]):
            self.counters.stray += 1
        else:
            self.waiting.setdefault(identity, {})[partition] = pane

    def closed_to(self, kind: str) -> int:
        """Panes of this kind are complete up to here: the minimum over all source partitions."""
        if self.partitions == 0 or len(self.sources) < self.partitions:
            return NEVER
        awake = [view for view in self.sources.values() if not view.idle]
        marks = [view.prediction if kind == PREDICTION_PANE else view.label for view in awake]
        return min(marks, default=NEVER)

    def ready(self) -> list[Pane]:
        """Take out every complete pane, merged over its source partitions in partition order."""
        merged: list[Pane] = []
        for kind in (PREDICTION_PANE, LABEL_PANE):
            mark = self.closed_to(kind)
            for identity in sorted(
                i for i in self.waiting if i[0] == kind and i[1].end_ms + self.delay_ms <= mark
            ):
                parts = self.waiting.pop(identity)
                self.closed[identity] = {partition: checksum(pane) for partition, pane in parts.items()}
                first, *rest = (pane_from_wire(parts[partition]) for partition in sorted(parts))
                for pane in rest:
                    first.add(pane)  # type: ignore[arg-type]  # same id, same kind
                first.lifted = first.lifted or any(view.idle for view in self.sources.values())
                merged.append(first)
        if merged:
            self._forget()
        return merged

    def _forget(self) -> None:
        for identity in list(self.closed):
            if identity[1].end_ms + MEMORY_PANES * identity[1].width_ms < self.closed_to(identity[0]):
                del self.closed[identity]

    def snapshot(self) -> dict[str, Any]:
        return {
            "partitions": self.partitions,
            "sources": [
                [p, view.epoch, view.prediction, view.label] for p, view in sorted(self.sources.items())
            ],
            "waiting": [[p, pane] for parts in self.waiting.values() for p, pane in parts.items()],
            "closed": [[kind, *key, list(sums.items())] for (kind, key), sums in self.closed.items()],
            "counters": list(astuple(self.counters)),
        }


def checksum(pane: dict[str, Any]) -> int:
    """Of the pane's content; how it is spaced or ordered on the wire does not matter."""
    return crc32(orjson.dumps(pane, option=orjson.OPT_SORT_KEYS))


def restore_merge(wire: dict[str, Any], delay_ms: int) -> PaneMerge:
    """The merge a snapshot describes."""
    merge = PaneMerge(delay_ms, wire["partitions"])
    merge.sources = {
        p: SourceView(epoch, prediction, label) for p, epoch, prediction, label in wire["sources"]
    }
    for partition, pane in wire["waiting"]:
        merge.waiting.setdefault(pane_id(pane_from_wire(pane)), {})[partition] = pane
    for kind, start, width, model, version, segment, sums in wire["closed"]:
        merge.closed[(kind, PaneKey(start, width, model, version, segment))] = dict(sums)
    merge.counters = MergeCounters(*wire["counters"])
    return merge
