"""A label pane: what became known, in one time bucket, about the predictions of one (model, version, segment).

Labels are kept by cohort of the prediction × age at labelling (the reporting triangle), because a label's age
decides what it may be compared with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.weighted import Weighted

#: Per-pane counters of feedback events; orphaned and expired are counted per partition (they have no pane).
FEEDBACK = ("matched", "duplicate", "corrected", "late_correction")


@dataclass(slots=True)
class LabelPane:
    """``cells[(cohort start, age bucket)]``; ``corrections[label pane start]`` is what corrected labels change
    in the pane that first counted them: the new outcome minus the old one. ``weighted`` counts first labels that came
    with their propensity; corrections do not change it."""

    key: PaneKey
    feedback: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FEEDBACK, 0))
    cells: dict[tuple[int, int], Outcomes] = field(default_factory=dict)
    corrections: dict[int, Outcomes] = field(default_factory=dict)
    weighted: Weighted = field(default_factory=Weighted)
    lifted: bool = False

    def add(self, other: LabelPane) -> None:
        for name, count in other.feedback.items():
            self.feedback[name] += count
        for cell, outcomes in other.cells.items():
            mine = self.cells.setdefault(cell, Outcomes())
            mine.add(outcomes)
            mine.bound()
        for start, outcomes in other.corrections.items():
            self.correct(start, outcomes)
        self.weighted.add(other.weighted)
        self.lifted = self.lifted or other.lifted

    def correct(self, start_ms: int, change: Outcomes) -> None:
        """Add what corrected labels change in the label pane that starts then."""
        mine = self.corrections.setdefault(start_ms, Outcomes())
        mine.amend(change)
        mine.bound()

    def total(self) -> Outcomes:
        """All cells together: accuracy by the time the label came."""
        outcomes = Outcomes()
        for cell in self.cells.values():
            outcomes.add(cell)
        outcomes.bound()
        return outcomes

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {
            "kind": "label",
            "model": self.key.model,
            "version": self.key.version,
            "segment": self.key.segment,
            "start": self.key.start_ms,
            "width": self.key.width_ms,
            "feedback": {name: self.feedback[name] for name in FEEDBACK},
            "cells": [
                {"cohort": cohort, "age": age, **outcomes.to_wire()}
                for (cohort, age), outcomes in sorted(self.cells.items())
            ],
            "corrections": [
                {"pane": start, **outcomes.to_wire()} for start, outcomes in sorted(self.corrections.items())
            ],
            "lifted": self.lifted,
        }
        if self.weighted:
            wire["weighted"] = self.weighted.to_wire()
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> LabelPane:
        key = PaneKey(wire["start"], wire["width"], wire["model"], wire["version"], wire["segment"])
        return cls(
            key=key,
            feedback=dict(wire["feedback"]),
            cells={(cell["cohort"], cell["age"]): Outcomes.from_wire(cell) for cell in wire["cells"]},
            corrections={item["pane"]: Outcomes.from_wire(item) for item in wire["corrections"]},
            weighted=Weighted.from_wire(wire["weighted"]) if "weighted" in wire else Weighted(),
            lifted=wire["lifted"],
        )
