"""Do the features of one (model, version, segment) still go together as in its reference, and within its range?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from tiltmeter.core.drift.centred_products import CentredProducts
from tiltmeter.core.drift.e_detector import Evidence
from tiltmeter.core.drift.error_rate import ErrorRateDetector
from tiltmeter.core.drift.mean_discrepancy import MeanDiscrepancy, mean_discrepancy
from tiltmeter.core.drift.principal_components import reconstruction_error
from tiltmeter.core.drift.second_moments import (
    SecondMomentDetector,
    correlations,
    fourth_powers,
    moments,
    pair_names,
    pairs,
)
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.panes.embedding_counts import EmbeddingCounts
from tiltmeter.core.panes.joint_counts import JointCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import NumericFeature, ReferenceProfile
from tiltmeter.core.verdicts.alert_state import ActiveAlert, AlertState, Subject, Word, withdraw_all
from tiltmeter.core.verdicts.budget import Budget
from tiltmeter.core.watch.joint_drift import JointDrift

#: What the two alerts are about.
CORRELATIONS, OUTLIERS = "(correlations)", "(outliers)"
#: One-sided 95 % normal quantile, for saying "healthy".
_Z = 1.645
#: A sample correlation strays by at most 1/sqrt(n) (standard deviation of Fisher's z), the largest of some
#: hundred by about three times that.
_STRAY = 3.0


class JointWatch:
    """Two alerts with a proof: ``joint_drift`` and ``outliers``.

    Joint drift is information, not a warning: like drift of one feature it is a hint at the inputs that has not yet
    cost anything, and where the time of day drives two features a short window always correlates them otherwise
    than the reference does. Outliers are a warning: rows beyond anything the reference held are seldom benign.

    The detector's null is about mean products, which drift of both margins moves as well. That has its own alerts;
    so an alarm also needs that the correlation, which has the margins taken out, changed by more than the tolerance
    over what came since evidence began to rise. A further condition only makes alarms rarer; evidence that it holds
    back is counted anew, so that it cannot alarm when all is well again.
    """

    def __init__(self, reference: ReferenceProfile, policy: ModelPolicy) -> None:
        """ValueError for a reference that does not say how its features go together."""
        joint = reference.joint
        if joint is None:
            raise ValueError(f"reference {reference.reference_id} has no joint profile")
        self._reference, self._joint, self._policy = reference, joint, policy
        tolerances, self._budget = policy.tolerances, Budget.of(policy)
        margins = [reference.features[name] for name in joint.features]
        bins = [f.counts if isinstance(f, NumericFeature) else None for f in margins]
        self._correlated = correlations(joint.counts)
        self._reconstruction = reconstruction_error(moments(joint.counts), joint.components)
        self._moments = SecondMomentDetector(
            joint,
            fourth_powers(joint, bins),
            tolerances.correlation,
            self._budget.part("joint", "e_sr").log_threshold,
        )
        self._outliers = ErrorRateDetector.from_reference(
            joint.counts.outliers,
            joint.counts.rows,
            tolerances.outliers,
            self._budget.part("outliers", "e_sr").log_threshold,
        )
        self._alerts = {name: AlertState(tolerances.clear_panes) for name in (CORRELATIONS, OUTLIERS)}
        self._subjects = {name: self._subject(name) for name in self._alerts}
        #: What came since evidence that features go together otherwise began to rise, and what it was tempered with.
        self._rising = CentredProducts.empty(len(joint.features))
        self._phi = 1.0
        #: What came since each alert's onset, or since it last looked bad.
        self._since = {name: JointCounts.empty(len(joint.features)) for name in self._alerts}

    def on_pane(
        self,
        pane: PredictionPane,
        window: Window[PredictionPane],
        phi: float = 1.0,
        known: bool = True,
    ) -> list[dict[str, Any]]:
        """Judge ``pane`` after it has entered the detection window; returns alerts to publish. A pane without a
        complete row changes nothing. Where the policy no longer asks, what fires ends.

        ``phi``: the largest over-dispersion of the joint profile's features before this pane, and whether all of them
        are ``known``: until then nothing warns. A pair differs between panes no more than the worse of its two does
        (heuristic), and that a row comes ten times shows in each of them.
        """
        if not self._policy.joint:
            self._restart()
            return withdraw_all(self.alerts(), pane.key, "withdrawn: joint is off for the model")
        if phi > self._phi:  # what was found so far was counted for more than it is
            self._restart()
        self._phi = phi
        counts = pane.joint
        if counts is None or counts.rows == 0:
            return []
        for name, state in self._alerts.items():
            if state.firing:
                self._since[name].add(counts)
        found = [pane.features.get(name) for name in self._joint.features]
        powers = fourth_powers(self._joint, [f.bins if f else None for f in found])
        drift = self.drift(window.total)
        moved = self._moments.on_pane(counts, powers, phi)
        self._rising.add(counts)
        if moved.ratio <= 0.0:
            self._rising = CentredProducts.empty(len(self._joint.features))
        far = self._outliers.on_pane(counts.rows, counts.outliers, phi)
        words = {
            CORRELATIONS: self._about_correlations(moved, drift, phi),
            OUTLIERS: self._about_outliers(far, drift, phi, known),
        }
        alerts = []
        for name, word in words.items():
            state = self._alerts[name]
            alert = state.on_pane(self._subjects[name], pane.key, word)
            if alert is not None:
                alerts.append(alert)
                if not state.firing:  # evidence fades far slower than it grew
                    (self._moments if name == CORRELATIONS else self._outliers).restart()
            if not state.firing:
                self._start_over(name)
        return alerts

    def drift(self, total: PredictionPane) -> JointDrift:
        """What a window looks like against the reference."""
        counts = total.joint
        if counts is None or counts.rows == 0:
            return JointDrift(0, ("", ""), math.nan, math.nan, math.nan, math.nan)
        most, before, now = self._largest_change(counts)
        error = reconstruction_error(moments(counts), self._joint.components)
        ratio = error / self._reconstruction if self._reconstruction > 0 else math.nan
        pair = pair_names(self._joint.features, most)
        return JointDrift(counts.rows, pair, before, now, ratio, counts.outliers / counts.rows)

    def mmd(self, total: PredictionPane) -> MeanDiscrepancy | None:
        """Of a window, for whoever looks: no alert asks. None: the policy asks for none, or the reference is of
        before there were embeddings."""
        embedding = self._joint.embedding
        if embedding is None or not self._policy.mmd_share:
            return None
        return mean_discrepancy(total.embedding or EmbeddingCounts.empty(), embedding.counts)

    def evidence(self) -> dict[str, Evidence]:
        """Where the detector of each alert stands."""
        return {CORRELATIONS: self._moments.evidence(), OUTLIERS: self._outliers.evidence()}

    def _largest_change(self, counts: JointCounts) -> tuple[int, float, float]:
        now = correlations(counts)
        most = int(np.abs(now - self._correlated).argmax())
        return most, float(self._correlated[most]), float(now[most])

    def _about_correlations(self, evidence: Evidence, drift: JointDrift, phi: float) -> Word:
        tolerance = self._policy.tolerances.correlation
        proved = evidence.alarm and self._changed(tolerance, phi)
        numbers = {
            "change": drift.change,
            "before": drift.before,
            "now": drift.now,
            "tolerance": tolerance,
            "evidence_ratio": min(evidence.ratio, 1e6),
            "rows": float(drift.rows),
        }
        first, second = drift.pair
        summary = (
            f"features no longer go together as in the reference, above all {first} and {second}: their rank "
            f"correlation is {drift.now:.2f}, it was {drift.before:.2f}"
        )
        healthy = self._correlations_healthy(tolerance, phi)
        return Word(proved and not healthy, healthy, numbers, summary)

    def _changed(self, tolerance: float, phi: float) -> bool:
        """Has the correlation of some pair changed inside panes, over what came since evidence began to rise? Such a
        window grows until it can tell, however few rows a pane has. Where it shows that none has, the mean products
        moved with the margins, or did so long ago: the evidence is counted anew."""
        if self._rising.weight == 0:
            return False
        d = len(self._joint.features)
        now = self._rising.correlations(pairs(d), d)
        change, stray = (
            float(np.abs(now - self._correlated).max()),
            _STRAY * math.sqrt(phi / self._rising.weight),
        )
        if change + stray < tolerance + _STRAY / math.sqrt(self._joint.counts.rows):
            self._moments.restart()
            self._rising = CentredProducts.empty(len(self._joint.features))
        return change - stray > tolerance

    def _correlations_healthy(self, tolerance: float, phi: float) -> bool:
        """Does what came since the onset, or since it last looked bad, show every pair within the tolerance? The
        window grows until it can tell; it starts over when it shows the opposite."""
        since = self._since[CORRELATIONS]
        if not self._alerts[CORRELATIONS].firing or since.rows == 0:
            return False
        _, before, now = self._largest_change(since)
        change, stray = abs(now - before), _STRAY * math.sqrt(phi / since.rows)
        if change - stray > tolerance:
            self._start_over(CORRELATIONS)
        return change + stray < tolerance + _STRAY / math.sqrt(self._joint.counts.rows)

    def _about_outliers(self, evidence: Evidence, drift: JointDrift, phi: float, known: bool) -> Word:
        allowed = self._outliers.mu0
        healthy = self._outliers_healthy(allowed, phi)
        numbers = {
            "outlier_ratio": drift.outlier_ratio,
            "allowed": allowed,
            "evidence_ratio": min(evidence.ratio, 1e6),
            "rows": float(drift.rows),
        }
        summary = (
            f"{drift.outlier_ratio:.2%} of the rows are farther from the centre than 99.9 % of the reference's; "
            f"allowed are {allowed:.2%}"
        )
        return Word(evidence.alarm and known and not healthy, healthy, numbers, summary)

    def _outliers_healthy(self, allowed: float, phi: float) -> bool:
        since = self._since[OUTLIERS]
        if not self._alerts[OUTLIERS].firing or since.rows == 0:
            return False
        rate = since.outliers / since.rows
        margin = _Z * math.sqrt(max(rate * (1 - rate), 1e-9) * phi / since.rows) + phi / since.rows
        if rate - margin > allowed:
            self._start_over(OUTLIERS)
        return rate + margin < allowed

    def _restart(self) -> None:
        """Forget the evidence: it was counted for more than it is, or nobody asked while it grew."""
        self._moments.restart()
        self._outliers.restart()
        self._rising = CentredProducts.empty(len(self._joint.features))

    def _start_over(self, name: str) -> None:
        self._since[name] = JointCounts.empty(len(self._joint.features))

    def _subject(self, name: str) -> Subject:
        if name == CORRELATIONS:
            guarantee = (
                f"{self._budget.promise(('joint',))} while the mean product of the scores of every pair of features "
                f"stays within {float(self._moments.allowed.max()):.3f} of the reference's in every pane"
            )
            return Subject("joint_drift", name, "info", "e_sr", guarantee)
        guarantee = (
            f"{self._budget.promise(('outliers',))} while the true share of outliers stays within "
            f"{self._outliers.mu0:.4f} in every pane"
        )
        return Subject("outliers", name, "warning", "e_sr", guarantee)

    def alerts(self) -> Iterator[ActiveAlert]:
        """Every alert this reference can raise here, firing or not."""
        for name, state in self._alerts.items():
            subject = self._subjects[name]
            yield ActiveAlert((subject.kind, name, subject.severity), state.firing, state)

    def withdraw(self, key: PaneKey) -> list[dict[str, Any]]:
        """Another reference is in force: what was compared with this one is no longer asked."""
        reason = f"withdrawn: reference {self._reference.reference_id} is no longer in force"
        return withdraw_all(self.alerts(), key, reason)

    def snapshot(self) -> dict[str, Any]:
        return {
            "reference_id": self._reference.reference_id,
            "moments": self._moments.snapshot(),
            "outliers": self._outliers.snapshot(),
            "alerts": {name: state.snapshot() for name, state in self._alerts.items()},
            "since": {name: counts.to_wire() for name, counts in self._since.items()},
            "rising": self._rising.snapshot(),
            "phi": self._phi,
        }

    def restore(self, wire: dict[str, Any]) -> None:
        # After a change of tolerance the detectors start afresh: evidence against another null says nothing.
        with suppress(SnapshotMismatchError):
            self._moments.restore(wire["moments"])
        with suppress(SnapshotMismatchError):
            self._outliers.restore(wire["outliers"])
        for name, state in wire["alerts"].items():
            self._alerts[name].restore(state)
        self._since = {name: JointCounts.from_wire(counts) for name, counts in wire["since"].items()}
        self._rising, self._phi = CentredProducts.restore(wire["rising"]), wire["phi"]
