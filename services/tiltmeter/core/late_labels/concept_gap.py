"""Do scores still mean what they meant? Errors that came against errors that the scores promised, on matured cohorts.

Drift of features or predictions shows in what the scores promise; a change of P(label | score) shows only here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.e_detector import Evidence
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.late_labels.estimated import calibration_margin
from tiltmeter.core.late_labels.matured import COMPLETE, Judged, Matured
from tiltmeter.core.late_labels.maturity import maturities
from tiltmeter.core.late_labels.triangle import Cohort
from tiltmeter.core.panes.fixed_point import ONE
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.verdicts.alert_state import ActiveAlert, AlertState, Subject, Word

KIND, SUBJECT = "concept_drift", "realised_minus_expected"
#: One-sided 95 % normal quantile, for saying "healthy".
_Z = 1.645


class ConceptGap:
    """X = (1 + error - expected error) / 2 per prediction lies in [0, 1] and has mean 1/2 while scores mean what they
    meant: the empirical-Bernstein e-SR (bounded_loss.py) on its rise. Judged at the first maturity with complete
    labels: with fewer, realised and expected errors are of different predictions. The sum of squares is bounded
    from above, since which of the predictions were wrong is not kept by score; that only costs power."""

    def __init__(self, policy: ModelPolicy) -> None:
        t = policy.tolerances
        self._tolerance, self._days = t.error_rate, t.warning_days
        self._names = {maturity.name for maturity in maturities(policy)}
        self._mu0: float | None = None
        self._detector: BoundedLossDetector | None = None
        self._per_day = 1.0
        self._at = ""  # the maturity in use
        self._state = AlertState(t.clear_panes)
        self._since: tuple[int, float] = (
            0,
            0.0,
        )  # labels, sum of gaps since the onset, or since it looked bad
        self.last: tuple[int, float] = (0, 0.0)  # the same of the last cohort

    def add(
        self, matured: Matured, judged: Judged, cohort: Cohort, reference: Performance | None, key: PaneKey
    ) -> list[dict[str, Any]]:
        """A cohort that has come of age; of other maturities than the one in use nothing is asked."""
        if reference is None or not reference.calibration or not matured.complete:
            return []
        n, all_ = judged.classified, judged.predicted
        if (
            (self._at and self._at != matured.maturity.name)
            or n < COMPLETE * all_
            or cohort.scored < COMPLETE * all_
        ):
            return []
        self._at, self._per_day = matured.maturity.name, matured.maturity.cohorts_per_day
        # Late predictions are labelled but in no pane; what is expected of the labelled ones is scaled.
        share = n / cohort.scored
        expected, squares = (amount / ONE * share for amount in (cohort.expected, cohort.expected_squares))
        wrong = n - judged.right
        gap = wrong - expected
        self.last = (n, gap)
        tolerance = self._tolerance + calibration_margin(reference.calibration)
        detector = self._detector_for((1.0 + tolerance) / 2)
        total = min(max((n + gap) / 2, 0.0), float(n))
        evidence = detector.on_pane(n, total, min((n + 2 * gap + wrong + squares) / 4, float(n)))
        if self._state.firing:
            self._since = (self._since[0] + n, self._since[1] + gap)
        healthy = self._healthy(tolerance)
        numbers = {
            "evidence_ratio": min(evidence.ratio, 1e6),
            "allowed": tolerance,
            "gap": gap / n,
            "labels": float(n),
        }
        summary = f"errors exceed what the scores promised by {gap / n:.4f} of the labels"
        alert = self._state.on_pane(
            self._subject(), key, Word(evidence.alarm and not healthy, healthy, numbers, summary)
        )
        if alert is not None and alert["transition"] == "resolved":
            detector.restart()
        if not self._state.firing:
            self._since = (0, 0.0)
        return [] if alert is None else [alert]

    def _detector_for(self, mu0: float) -> BoundedLossDetector:
        if self._detector is None or self._mu0 != mu0:
            threshold = math.log(max(self._per_day * self._days, 2.0))
            self._mu0, self._detector = mu0, BoundedLossDetector(min(mu0, 1.0), 0.5, threshold)
        return self._detector

    def evidence(self) -> Evidence | None:
        """None before the first cohort that could be judged."""
        return None if self._detector is None else self._detector.evidence()

    def _healthy(self, tolerance: float) -> bool:
        n, gap = self._since
        if not self._state.firing or not n:
            return False
        margin = _Z / (2 * math.sqrt(n)) + 1 / n
        if gap / n - margin > tolerance:
            self._since = (0, 0.0)
        return gap / n + margin < tolerance

    def _subject(self) -> Subject:
        guarantee = (
            f"by itself, outside of the model's budget, on average at most one false alarm in {self._days:g} days "
            "while errors exceed what the reference's scores promised by no more than is allowed"
        )
        return Subject(KIND, SUBJECT, "info", "e_detector", guarantee)

    def alerts(self) -> Iterator[ActiveAlert]:
        yield ActiveAlert((KIND, SUBJECT, "info"), self._state.firing, self._state)

    def snapshot(self) -> dict[str, Any]:
        return {
            "mu0": self._mu0,
            "per_day": self._per_day,
            "at": self._at,
            "detector": self._detector.snapshot() if self._detector else None,
            "state": self._state.snapshot(),
            "since": self._since,
            "last": self.last,
        }

    def restore(self, wire: dict[str, Any]) -> None:
        """A maturity that the policy no longer asks for leaves its place to another one."""
        self._state.restore(wire["state"])
        if wire["at"] not in self._names:
            return
        self._per_day, self._at = wire["per_day"], wire["at"]
        self._since, self.last = tuple(wire["since"]), tuple(wire["last"])
        if wire["mu0"] is not None:
            with suppress(SnapshotMismatchError):
                self._detector_for(wire["mu0"]).restore(wire["detector"])
