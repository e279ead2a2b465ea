"""Everything watched about one (model, version, segment): windows, drift, performance, alerts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tiltmeter.core.counting.fill_predictions import complete_missing
from tiltmeter.core.late_labels.estimated_watch import EstimatedWatch
from tiltmeter.core.late_labels.late_label_watch import LateLabelWatch
from tiltmeter.core.panes.answers import Answers
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.pane import Pane
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.learner import Learner
from tiltmeter.core.verdicts.alert_state import ActiveAlert, withdraw_all
from tiltmeter.core.watch.adaptive_means import AdaptiveMeans
from tiltmeter.core.watch.feature_watch import FeatureWatch
from tiltmeter.core.watch.joint_watch import JointWatch
from tiltmeter.core.watch.label_timeline import LabelTimeline
from tiltmeter.core.watch.quality_watch import QualityWatch
from tiltmeter.core.watch.traffic import Traffic
from tiltmeter.core.watch.worse_together import DRIFT, PERFORMANCE, WorseTogether

Predictions = Window[PredictionPane]


class VersionWatch:
    """Prediction panes and label panes are two timelines that never wait for each other: which of them is ahead
    differs between a live run and a replay, so nothing decided on one may depend on how far the other is."""

    def __init__(
        self, key: PaneKey, policy: ModelPolicy, references: ReferenceBook, traffic: Traffic | None = None
    ) -> None:
        """``traffic``: what all versions of the segment have learned about it."""
        self._traffic = Traffic() if traffic is None else traffic
        self.model, self.version, self.segment = key.model, key.version, key.segment
        self._width_ms = key.width_ms
        self._policy = policy = policy.for_segment(key.segment)
        self._references = references
        self.features: FeatureWatch | None = None
        self.joint: JointWatch | None = None
        self.quality = QualityWatch(None, policy)
        self.learner = Learner(policy.from_first) if policy.from_first else None
        #: A reference learned from the first panes; whoever owns the version publishes it.
        self.learned: ReferenceProfile | None = None
        self.labelled = LabelTimeline(key, policy, references, self._traffic)
        self.means = AdaptiveMeans()
        self.late = LateLabelWatch(key, policy, references)
        self.estimated = EstimatedWatch(policy)
        self.predictions: dict[str, Predictions] = self._prediction_windows("")
        self.total = self._no_predictions("")
        self.last_prediction_pane: int | None = None
        self.lifted_panes = 0
        self._worse = WorseTogether(policy.tolerances.clear_panes)
        self.min_samples = policy.tolerances.min_samples

    @property
    def policy(self) -> ModelPolicy:
        return self._policy

    def alerts(self) -> Iterator[ActiveAlert]:
        """Every alert this version can raise, firing or not."""
        if self.features is not None:
            yield from self.features.alerts()
        if self.joint is not None:
            yield from self.joint.alerts()
        yield from self.quality.alerts()
        yield from self.labelled.alerts()
        yield from self.late.alerts()
        yield from self.estimated.alerts()
        yield self._worse.alert()

    def on_pane(self, pane: Pane) -> list[dict[str, Any]]:
        """A closed, merged pane; panes of each kind come in order of time. Returns alerts to publish."""
        self.lifted_panes += pane.lifted
        if isinstance(pane, LabelPane):
            self.late.on_labels(pane)
            total = pane.total()
            self.means.on_labels(pane.key, total, self.labelled.first_performance)
            alerts = self.labelled.on_pane(pane, total)
            if self.late.errors is None:  # else judged at the frontier
                self._worse.report(
                    PERFORMANCE, pane.key.end_ms, _warns(self.labelled.performance.alerts(), PERFORMANCE)
                )
        else:
            alerts = self._on_predictions(pane)
            drifting = self.features.alerts() if self.features is not None else iter(())
            self._worse.report(DRIFT, pane.key.end_ms, _warns(drifting, DRIFT))
        return alerts

    def advance(self, complete_to_ms: int) -> list[dict[str, Any]]:
        """Both timelines are complete to here (event time): what needs both of them is decided now."""
        late = self.late.advance(complete_to_ms)
        for at_ms, holds in self.late.worse:
            self._worse.report(PERFORMANCE, at_ms, holds)
        return late + self._worse.advance(complete_to_ms, self._key)

    @property
    def gone_at_ms(self) -> int:
        """Without a prediction until then, the border of a pane, nothing is left to watch. Labels count only where no
        prediction ever came."""
        last = self.labelled.last_pane if self.last_prediction_pane is None else self.last_prediction_pane
        panes = -(-max(self._policy.forget_ms, self._policy.silent_ms) // self._width_ms)
        return (last or 0) + panes * self._width_ms

    def silent_at(self, now_ms: int) -> bool:
        """Has nothing come, neither predictions nor labels, for ``silent_panes``?"""
        last = max(t for t in (self.last_prediction_pane, self.labelled.last_pane, -1) if t is not None)
        return now_ms - last >= self._policy.silent_ms

    def withdraw(self, at_ms: int, reason: str) -> list[dict[str, Any]]:
        """The version is forgotten: what still fires ends then, at the border of a pane."""
        return withdraw_all(self.alerts(), self._key(at_ms), reason)

    def _key(self, end_ms: int) -> PaneKey:
        return PaneKey(end_ms - self._width_ms, self._width_ms, self.model, self.version, self.segment)

    def _on_predictions(self, pane: PredictionPane) -> list[dict[str, Any]]:
        complete_missing(pane)
        self.late.on_predictions(pane)
        self.means.on_predictions(pane)
        pane.answers = Answers(scores=pane.answers.scores)  # classes are for cohorts, not for windows
        if not pane.reference_id:
            self._learn(pane)
        withdrawn: list[dict[str, Any]] = []
        if self.features is None or self.features.reference.reference_id != pane.reference_id:
            compared = (self.features, self.joint, self.estimated)
            withdrawn = [a for w in compared if w is not None for a in w.withdraw(pane.key)]
            self._change_reference(pane.reference_id)
        if self.features is not None:
            pane = self.features.layout.packed(pane)
        for window in self.predictions.values():
            window.add(pane.key.start_ms, pane)
        self.total.add(pane)
        self.last_prediction_pane = pane.key.end_ms
        withdrawn += self._judge_quality(pane)
        if self.features is None:
            return withdrawn
        self.learner = None  # somebody gave this version a reference
        window = self.predictions[self._policy.detection_window]
        phi, known = self.features.joint_overdispersion()
        alerts = withdrawn + self.features.on_pane(pane, window)
        drifting = any(a.firing for a in self.features.alerts() if a.names[0] == "prediction_drift")
        alerts += self.estimated.on_pane(pane.key, window.total.answers, drifting)
        return alerts + self.joint.on_pane(pane, window, phi, known) if self.joint is not None else alerts

    def _judge_quality(self, pane: PredictionPane) -> list[dict[str, Any]]:
        """Expectations need no reference; rates are compared with the one of the pane."""
        reference = self._references.by_id(pane.reference_id) if pane.reference_id else None
        ended: list[dict[str, Any]] = []
        if self.quality.reference_id != ("" if reference is None else reference.reference_id):
            ended = self.quality.withdraw(pane.key)
            self.quality = QualityWatch(reference, self._policy)
        return ended + self.quality.on_pane(pane)

    def _learn(self, pane: PredictionPane) -> None:
        """Features without a reference go to the learner only: windows have nothing to compare them with."""
        learned = self.learner.on_pane(pane) if self.learner is not None else None
        pane.features, pane.output = {}, FeatureCounts()
        if learned is not None:
            self.learned, self.learner = learned, None

    def _change_reference(self, reference_id: str) -> None:
        """Panes of different references are never added: windows and totals of features start over."""
        reference = self._references.by_id(reference_id) if reference_id else None
        self.estimated.compare_with(reference.performance if reference else None)
        self.features = None
        if reference is not None:
            self.features = FeatureWatch(reference, self._policy, self._traffic.features)
        jointly = reference is not None and reference.joint is not None
        self.joint = JointWatch(reference, self._policy) if reference is not None and jointly else None
        if self.total.reference_id != reference_id:
            self.predictions = self._prediction_windows(reference_id)
            before, self.total = self.total, self._no_predictions(reference_id)
            self.total.events, self.total.weight = before.events, before.weight
            self.total.errors, self.total.expectations = before.errors, before.expectations

    def _prediction_windows(self, reference_id: str) -> dict[str, Predictions]:
        return {
            name: Window(panes, self._width_ms, lambda: self._no_predictions(reference_id))
            for name, panes in self._policy.windows.items()
        }

    def _no_predictions(self, reference_id: str) -> PredictionPane:
        key = PaneKey(0, self._width_ms, self.model, self.version, self.segment)
        if self.features is not None and self.features.reference.reference_id == reference_id:
            return self.features.layout.empty(key, reference_id)
        return PredictionPane(key, reference_id)

    def snapshot(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "segment": self.segment,
            "width": self._width_ms,
            "reference_id": self.total.reference_id,
            "total": self.total.to_wire(),
            "last": [self.last_prediction_pane, self.lifted_panes],
            "predictions": {name: window.snapshot() for name, window in self.predictions.items()},
            "features": self.features.snapshot() if self.features else None,
            "joint": self.joint.snapshot() if self.joint else None,
            "quality": self.quality.snapshot(),
            **self.labelled.snapshot(),
            "late": self.late.snapshot(),
            "means": self.means.snapshot(),
            "estimated": self.estimated.snapshot(),
            "worse": self._worse.snapshot(),
            "learner": self.learner.snapshot() if self.learner else None,
            "learned": self.learned.to_json().decode() if self.learned else None,
        }

    def restore(self, wire: dict[str, Any]) -> None:
        self._change_reference(wire["reference_id"])
        self.total = self._no_predictions(wire["reference_id"])
        self.total.add(PredictionPane.from_wire(wire["total"]))
        self.last_prediction_pane, self.lifted_panes = wire["last"]
        for name, window in self.predictions.items():
            window.restore(wire["predictions"].get(name, []), PredictionPane.from_wire)
        if self.features is not None and wire["features"] is not None:
            self.features.restore(wire["features"])
        if self.joint is not None and wire["joint"] is not None:
            self.joint.restore(wire["joint"])
        compared = wire["quality"]["reference_id"]
        self.quality = QualityWatch(self._references.by_id(compared) if compared else None, self._policy)
        self.quality.restore(wire["quality"])
        self.labelled.restore(wire)
        self.means.restore(wire["means"])
        self.late.restore(wire["late"])
        self.estimated.restore(wire["estimated"])
        self._worse.restore(wire["worse"])
        if (
            self.late.errors is not None and not self.late.errors.warns
        ):  # arrival alarmed, and is not asked now
            self._worse.report(PERFORMANCE, self.labelled.last_pane or 0, False)
        self.learned = ReferenceProfile.from_json(wire["learned"]) if wire["learned"] else None
        if wire["learner"] is None:
            self.learner = None
        elif self.learner is not None:
            self.learner.restore(wire["learner"])


def _warns(alerts: Iterator[ActiveAlert], kind: str) -> bool:
    return any(alert.firing and alert.names[2] != "info" for alert in alerts if alert.names[0] == kind)
