"""The timeline of labels of one (model, version, segment): what has become known, and what it says of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import FEEDBACK, LabelPane
from tiltmeter.core.panes.named_classes import NamedClasses
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.verdicts.alert_state import ActiveAlert, withdraw_all
from tiltmeter.core.watch.history import History
from tiltmeter.core.watch.label_watch import LabelWatch
from tiltmeter.core.watch.performance_watch import PerformanceWatch
from tiltmeter.core.watch.traffic import Traffic


class LabelTimeline:
    """Nothing here depends on how far the predictions are."""

    def __init__(
        self, key: PaneKey, policy: ModelPolicy, references: ReferenceBook, traffic: Traffic
    ) -> None:
        """``policy``: with the segment's share of the budget."""
        self._of, self._policy, self._references, self._traffic = key, policy, references, traffic
        self.windows: dict[str, Window[Outcomes]] = {
            name: Window(panes, key.width_ms, Outcomes) for name, panes in policy.windows.items()
        }
        #: Of all labels, with what was corrected.
        self.total = Outcomes()
        self.classes = NamedClasses()
        self.feedback = dict.fromkeys(FEEDBACK, 0)
        self.last_pane: int | None = None
        self.history = History()
        self.performance = PerformanceWatch(policy, traffic.losses)
        self.drift: LabelWatch | None = None
        #: Whose labels ``drift`` knows, and by whose bins and classes they are counted.
        self._compared: tuple[Performance | None, Performance | None] = (None, None)

    @property
    def first_performance(self) -> Performance | None:
        """Of the version's first reference, whose units, cap and bins hold for all its outcomes."""
        reference = self._references.first(self._of.model, self._of.version)
        return reference.performance if reference else None

    @property
    def residuals_of(self) -> Performance | None:
        """Whose errors those of the windows are compared with: they lie over the bins of the first reference."""
        now, first = self.performance.reference, self.first_performance
        if now is not None and first is not None and now.residual_edges == first.residual_edges:
            return now
        return first if not self._of.segment else None

    def alerts(self) -> Iterator[ActiveAlert]:
        """Every alert that labels can raise, firing or not."""
        yield from self.performance.alerts()
        if self.drift is not None:
            yield from self.drift.alerts()

    def on_pane(self, pane: LabelPane, total: Outcomes) -> list[dict[str, Any]]:
        """A closed pane with the ``total`` of its cells; they come in order of time. Returns alerts to publish."""
        first, of = self.first_performance, pane.key
        if first is not None:
            self.classes.keep(first.classes)
        outcomes = Outcomes()
        outcomes.add(total)
        self._count(pane, outcomes)
        reference = self._references.at(of.model, of.version, of.start_ms, of.segment)
        measured, compared = reference.performance if reference else None, self.performance.reference
        alerts: list[dict[str, Any]] = []
        if measured is not None and measured.comparable_with(first):
            self.performance.compare_with(measured)
        elif compared is not None and first is not None and not compared.comparable_with(first):
            alerts += self.performance.forget(of, "withdrawn: errors are counted in other units now")
        alerts += self._compare_labels(of)
        alerts += self.performance.on_pane(of, outcomes)
        # With all classes by their name: those that windows call (other) may be the reference's.
        return alerts + self.drift.on_pane(of, total) if self.drift is not None else alerts

    def _count(self, pane: LabelPane, outcomes: Outcomes) -> None:
        self.classes.fold(outcomes)
        self.total.add(outcomes)
        for _, change in sorted(pane.corrections.items()):
            self.classes.fold(change)
            self.total.add(change)
        for window in self.windows.values():
            window.add(pane.key.start_ms, outcomes)
            for start_ms, change in sorted(pane.corrections.items()):
                window.amend(start_ms, change)
        self.history.add(pane.key.start_ms, outcomes)
        for start_ms, change in pane.corrections.items():
            self.history.amend(start_ms, change)
        for name, count in pane.feedback.items():
            self.feedback[name] += count
        self.last_pane = pane.key.end_ms

    def _compare_labels(self, key: PaneKey) -> list[dict[str, Any]]:
        """With the reference that performance is compared with; returns the alerts that this ends."""
        now, first = self.performance.reference, self.first_performance
        if self._compared[0] is now and self._compared[1] is first:
            return []
        self._compared = now, first
        before = self.drift.alerts() if self.drift is not None else iter(())
        ended = withdraw_all(before, key, "withdrawn: labels are compared with another reference now")
        self.drift = None
        if now is not None:
            self.drift = LabelWatch.of(now, first, self._policy, key.width_ms, self._traffic.labels)
        return ended

    def snapshot(self) -> dict[str, Any]:
        return {
            "all_labels": self.total.to_wire(),
            "classes": sorted(self.classes.names),
            "feedback": self.feedback,
            "labels": {name: window.snapshot() for name, window in self.windows.items()},
            "last_label_pane": self.last_pane,
            "history": self.history.snapshot(),
            "performance": self.performance.snapshot(),
            "label_drift": self.drift.snapshot() if self.drift else None,
        }

    def restore(self, wire: dict[str, Any]) -> None:
        self.total = Outcomes.from_wire(wire["all_labels"])
        self.classes.names = set(wire["classes"])
        self.feedback = dict(wire["feedback"])
        for name, window in self.windows.items():
            window.restore(wire["labels"].get(name, []), Outcomes.from_wire)
        self.last_pane = wire["last_label_pane"]
        self.history.restore(wire["history"])
        self.performance.restore(wire["performance"])
        if wire["label_drift"] is not None:  # else the next pane compares
            self._compare_labels(self._of)
            if self.drift is not None:
                self.drift.restore(wire["label_drift"])
