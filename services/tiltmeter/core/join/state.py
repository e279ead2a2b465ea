"""What one join partition remembers besides its pending rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS, JoinGroup
from tiltmeter.core.join.pending_store import Bucket
from tiltmeter.core.panes.messages import NEVER
from tiltmeter.core.panes.pane import LABEL_PANE, PREDICTION_PANE, Pane, PaneId, pane_from_wire, pane_id


def counter(name: str, *labels: str) -> str:
    """Name of a cumulative counter of a partition, with labels; a producer's name cannot add one."""
    return "\x1f".join((name, *(label.replace("\x1f", "\ufffd") for label in labels)))


@dataclass(slots=True)
class Side:
    """One source topic of the partition. ``next`` is the offset that has not been read (None: nothing yet)."""

    next: int | None = None
    natural_ms: int = NEVER
    lift_ms: int = NEVER

    @property
    def watermark_ms(self) -> int:
        return max(self.natural_ms, self.lift_ms)


@dataclass(slots=True)
class JoinState:
    """Restored together with the offsets it contains, or not at all (semantics 14)."""

    epoch: int = 0
    sides: dict[str, Side] = field(default_factory=lambda: {PREDICTIONS: Side(), FEEDBACK: Side()})
    groups: list[JoinGroup] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    waiting: dict[Bucket, dict[int, int]] = field(default_factory=dict)
    open: dict[PaneId, Pane] = field(default_factory=dict)
    outbox: dict[PaneId, Pane] = field(default_factory=dict)
    confirmed: dict[str, int] = field(
        default_factory=lambda: {PREDICTION_PANE: NEVER, LABEL_PANE: NEVER},
    )
    log_next: int = 0  # join-log offset that has not been applied

    def watermark_ms(self, kind: str) -> int:
        """The watermark that closes panes of this kind: labels need both sides."""
        predictions = self.sides[PREDICTIONS].watermark_ms
        if kind == PREDICTION_PANE:
            return predictions
        return min(predictions, self.sides[FEEDBACK].watermark_ms)

    def natural_ms(self, kind: str) -> int:
        predictions = self.sides[PREDICTIONS].natural_ms
        if kind == PREDICTION_PANE:
            return predictions
        return min(predictions, self.sides[FEEDBACK].natural_ms)

    def header_to_wire(self) -> dict[str, Any]:
        """Everything but the panes."""
        return {
            "epoch": self.epoch,
            "sides": {name: [s.next, s.natural_ms, s.lift_ms] for name, s in self.sides.items()},
            "groups": self.groups,
            "counters": self.counters,
            "waiting": [[*bucket, list(by_group.items())] for bucket, by_group in self.waiting.items()],
            "confirmed": self.confirmed,
            "log_next": self.log_next,
        }

    def to_wire(self) -> dict[str, Any]:
        return {
            **self.header_to_wire(),
            "open": [pane.to_wire() for pane in self.open.values()],
            "outbox": [pane.to_wire() for pane in self.outbox.values()],
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> JoinState:
        state = cls(
            epoch=wire["epoch"],
            sides={name: Side(*values) for name, values in wire["sides"].items()},
            groups=[tuple(names) for names in wire["groups"]],
            counters=dict(wire["counters"]),
            waiting={(family, number): dict(by_group) for family, number, by_group in wire["waiting"]},
            confirmed=dict(wire["confirmed"]),
            log_next=wire["log_next"],
        )
        for name, book in (("open", state.open), ("outbox", state.outbox)):
            for pane in map(pane_from_wire, wire[name]):
                book[pane_id(pane)] = pane
        return state
