"""Rolling performance of one (model, version, segment), from label panes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from tiltmeter.core.budget import Budget
from tiltmeter.core.drift.adwin import AdwinUpdate, PaneAdwin
from tiltmeter.core.drift.adwin_gate import gate_excess
from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.e_detector import Evidence
from tiltmeter.core.drift.error_rate import ErrorRateDetector
from tiltmeter.core.drift.overdispersion import Overdispersion
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.panes.fixed_point import ONE
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference import Performance
from tiltmeter.core.verdicts import ActiveAlert, AlertState, Subject, Word

#: One-sided 95 % normal quantile, for saying "healthy".
_Z = 1.645


@dataclass(frozen=True, slots=True)
class Losses:
    """n losses in [0, 1]: errors of a classifier, or capped absolute errors as shares of the reference's cap."""

    n: int
    total: float
    squares: float

    @classmethod
    def of(cls, outcomes: Outcomes, regression: bool) -> Losses:
        if regression:
            n = outcomes.sum("scored")
            return cls(n, outcomes.sum("capped_loss") / ONE, outcomes.sum("squared_capped_loss") / ONE)
        wrong = outcomes.classified - outcomes.correct
        return cls(outcomes.classified, float(wrong), float(wrong))


class PerformanceWatch:
    """Detectors on the loss stream: the proved e-detector at two severities, and the heuristic ADWIN gate."""

    def __init__(self, policy: ModelPolicy) -> None:
        self._policy = policy
        #: Where labels are late, the error rate by arrival is shown but does not alarm (docs/late-labels.md).
        self._pages = policy.labels == "arrival"
        self._reference: Performance | None = None
        #: Labels and errors so far, while a reference is learned from the first ones; None: not learning.
        self._first: tuple[int, int] | None = (0, 0) if policy.from_first else None
        self.regression = policy.task == "regression"
        self._budget = Budget.of(policy)
        self._overdispersion = Overdispersion(1, 1, policy.tolerances.learning_panes)
        self._adwin = PaneAdwin()
        self.adwin: AdwinUpdate = self._adwin.update()
        self.cuts = {"up": 0, "down": 0}
        self._detectors: dict[str, ErrorRateDetector | BoundedLossDetector] = {}
        self.evidence: dict[str, Evidence] = {}
        self._alerts = {
            name: AlertState(policy.tolerances.clear_panes) for name in ("warning", "critical", "adwin")
        }
        #: What came since each alert's onset, or since it last looked bad.
        self._since = {name: Outcomes() for name in self._alerts}

    @property
    def phi(self) -> float | None:
        """Over-dispersion of the losses of a pane; None while it is being learned, and then nothing warns."""
        return float(self._overdispersion.phi[0]) if self._overdispersion.known[0] else None

    @property
    def subject(self) -> str:
        return "absolute_error" if self.regression else "error_rate"

    def compare_with(self, reference: Performance | None) -> None:
        """The reference in force from this pane on. Evidence against another one is forgotten; alerts stay until
        they resolve."""
        if reference is None or not reference.labelled or reference == self._reference:
            return
        self._reference, self._first = reference, None
        if self.regression != (reference.task == "regression"):
            self.regression = reference.task == "regression"
            self._adwin = PaneAdwin()
            self._overdispersion = Overdispersion(1, 1, self._policy.tolerances.learning_panes)
        if reference.phi is not None:
            self._overdispersion.assume(0, reference.phi)
        self._detectors = {
            severity: self._detector(reference, severity) for severity in ("warning", "critical")
        }
        self.evidence = {severity: detector.evidence() for severity, detector in self._detectors.items()}

    def _learn(self, losses: Losses) -> None:
        """The first labels are taken as good (``from_first``). Classification only: capping a regression's errors
        needs a reference before the first of them."""
        if self._first is None or self.regression:
            return
        n, errors = self._first[0] + losses.n, self._first[1] + int(losses.total)
        self._first = (n, errors)
        if n >= self._policy.from_first:
            self.compare_with(Performance("classification", labelled=n, errors=errors))

    def _tolerance(self, severity: str) -> float:
        t = self._policy.tolerances
        if self.regression:
            return t.loss if severity == "warning" else 2 * t.loss
        return t.error_rate if severity == "warning" else t.error_rate_critical

    def _detector(self, reference: Performance, severity: str) -> ErrorRateDetector | BoundedLossDetector:
        threshold = self._budget.part("performance", "e_sr", severity).log_threshold
        tolerance = self._tolerance(severity)
        if not self.regression:
            return ErrorRateDetector.from_reference(
                reference.errors, reference.labelled, tolerance, threshold
            )
        return BoundedLossDetector.from_reference(
            reference.labelled, reference.loss_sum, reference.loss_squares, tolerance, threshold
        )

    def on_pane(self, key: PaneKey, outcomes: Outcomes) -> list[dict[str, Any]]:
        """A closed label pane; returns alerts to publish. Panes without labels change nothing."""
        losses = Losses.of(outcomes, self.regression)
        if losses.n == 0 or (self.regression and self._reference is None):
            return []
        self._learn(losses)
        self.adwin = self._adwin.on_pane(losses.n, losses.total, losses.squares, key.start_ms)
        if self.adwin.cut is not None:
            self.cuts[self.adwin.cut] += 1
        for name, state in self._alerts.items():
            if state.firing:
                self._since[name].add(outcomes)
        alerts: list[dict[str, Any] | None] = []
        phi = float(self._overdispersion.phi[0])
        for severity, detector in self._detectors.items():
            if isinstance(detector, ErrorRateDetector):
                evidence = detector.on_pane(losses.n, int(losses.total), phi)
            else:
                evidence = detector.on_pane(losses.n, losses.total, losses.squares, phi)
            self.evidence[severity] = evidence
            alerts.append(self._judge(severity, key, detector.mu0, evidence.alarm, evidence, losses))
            if alerts[-1] is not None and alerts[-1]["transition"] == "resolved":
                detector.restart()
        if "warning" in self._detectors:
            alerts.append(self._judge_gate(key, losses))
        self._overdispersion.on_pane(
            np.array([losses.n]), np.array([[losses.total]]), np.array([[losses.squares]])
        )
        for name, state in self._alerts.items():
            if not state.firing:
                self._since[name] = Outcomes()
        return [alert for alert in alerts if alert is not None]

    def _judge(
        self, severity: str, key: PaneKey, mu0: float, alarm: bool, evidence: Evidence, losses: Losses
    ) -> dict[str, Any] | None:
        numbers = {
            "evidence_ratio": min(evidence.ratio, 1e6),
            "allowed": mu0,
            "pane_mean": losses.total / losses.n,
            "adaptive_mean": self.adwin.mean,
            "labels": float(losses.n),
        }
        summary = f"{self.subject} exceeds {mu0:.4f}, the reference's upper bound plus the tolerance"
        guarantee = (
            f"{self._budget.promise(('performance',), severity)} while the true {self.subject} stays within "
            f"{mu0:.4f} in every pane, whatever the dependence between panes"
        )
        subject = Subject("performance", self.subject, severity, "e_detector", guarantee)
        # Evidence fades far slower than it grew. A proof of health outweighs it; resolving restarts the detector.
        healthy = self._healthy(severity, mu0)
        word = Word(alarm and self._pages and not healthy and self.phi is not None, healthy, numbers, summary)
        return self._alerts[severity].on_pane(subject, key, word)

    def _judge_gate(self, key: PaneKey, losses: Losses) -> dict[str, Any] | None:
        tolerance = self._tolerance("warning")
        mu0 = self._detectors["warning"].mu0
        arl = max(self._policy.panes_per_day * self._policy.tolerances.warning_days, 2.0)
        excess = gate_excess(self.adwin, mu0 - tolerance, tolerance, arl)
        numbers = {
            "excess": excess,
            "adaptive_mean": self.adwin.mean,
            "adaptive_width": float(self.adwin.width),
        }
        guarantee = "heuristic: no bound on false alarms; see the e_detector alert for the proved one"
        subject = Subject("adwin_gate", self.subject, "info", "adwin_gate", guarantee)
        summary = f"{self.subject} has risen to {self.adwin.mean:.4f} over ADWIN's window"
        word = Word(excess > 0 and self._pages, self._healthy("adwin", mu0), numbers, summary)
        return self._alerts["adwin"].on_pane(subject, key, word)

    def _healthy(self, name: str, mu0: float) -> bool:
        """Does what came since the onset, or since it last looked bad, prove that the loss is within mu0 again?

        The window grows until it can tell (semantics 28); it starts over when it proves the opposite."""
        if not self._alerts[name].firing:
            return False
        since = Losses.of(self._since[name], self.regression)
        if since.n == 0:
            return False
        mean = since.total / since.n
        spread = max(since.squares / since.n - mean * mean, mean * (1 - mean) if not self.regression else 0.0)
        margin = (
            _Z * math.sqrt(max(spread, 1e-9) * float(self._overdispersion.phi[0]) / since.n) + 1 / since.n
        )
        if mean - margin > mu0:
            self._since[name] = Outcomes()
            return False
        return mean + margin < mu0

    def alerts(self) -> Iterator[ActiveAlert]:
        for name, state in self._alerts.items():
            kind, severity = ("adwin_gate", "info") if name == "adwin" else ("performance", name)
            yield ActiveAlert((kind, self.subject, severity), state.firing, state)

    def snapshot(self) -> dict[str, Any]:
        return {
            "reference": self._reference.to_wire() if self._reference else None,
            "first": self._first,
            "overdispersion": self._overdispersion.snapshot(),
            "adwin": self._adwin.snapshot(),
            "cuts": self.cuts,
            "detectors": {name: d.snapshot() for name, d in self._detectors.items()},
            "alerts": {name: a.snapshot() for name, a in self._alerts.items()},
            "since": {name: outcomes.to_wire() for name, outcomes in self._since.items()},
        }

    def restore(self, wire: dict[str, Any]) -> None:
        known = wire["reference"]
        self.compare_with(Performance.from_wire(known) if known else None)
        self._first = tuple(wire["first"]) if wire["first"] else self._first
        self._overdispersion.restore(wire["overdispersion"])
        self._adwin.restore(wire["adwin"])
        self.adwin = self._adwin.update()
        self.cuts = dict(wire["cuts"])
        for name, detector in self._detectors.items():
            # Evidence against another null says nothing about this one: after a change of tolerance or of the
            # reference the detector starts afresh.
            with suppress(SnapshotMismatchError, KeyError):
                detector.restore(wire["detectors"][name])
            self.evidence[name] = detector.evidence()
        self._alerts = {name: AlertState.restore(a) for name, a in wire["alerts"].items()}
        self._since = {name: Outcomes.from_wire(since) for name, since in wire["since"].items()}
