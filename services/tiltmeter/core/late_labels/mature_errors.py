"""Is the model more often wrong than it was, among labels that all had the same time to come?

Accuracy by the time labels arrive is a mixture of young and old predictions that moves with traffic: where labels of
wrong predictions are quicker (fraud is reported, its absence is not), growing traffic alone looks like a worse model.
Accuracy at a fixed maturity is not the true one either, but it stays what it is while the model and the delays do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tiltmeter.core.drift.upper_bounds import clopper_pearson_upper
from tiltmeter.core.late_labels.cohort_alarm import CohortAlarm
from tiltmeter.core.late_labels.matured import Judged, Matured
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.verdicts.alert_state import ActiveAlert, Subject
from tiltmeter.core.verdicts.budget import Budget

SUBJECT = "mature_error_rate"


class MatureErrors:
    """Two severities over all maturities, each by the one with the most evidence (proof: cohort_alarm.py).

    A maturity is judged against its own first cohorts, or against the reference if labels are complete by then: only
    then do its labels say what a reference's do. A cohort with too few labels is not judged, and while coverage
    alarms only cohorts with all labels are: that labels are slow or missing must not look like a worse model.
    """

    def __init__(self, matured: Sequence[Matured], policy: ModelPolicy) -> None:
        t = policy.tolerances
        self._tolerance = {"warning": t.error_rate, "critical": t.error_rate_critical}
        budget = Budget.of(policy)
        self._days = {s: budget.part("performance", "e_sr", s).days for s in self._tolerance}
        streams = [m.maturity for m in matured]
        self.alarms = {
            severity: CohortAlarm(streams, days, t.clear_panes) for severity, days in self._days.items()
        }

    def add(self, matured: Matured, judged: Judged, reference: Performance | None, usual: bool) -> None:
        """A cohort that has come of age; ``usual``: no maturity's labels are known to be missing."""
        wrong = judged.classified - judged.right
        baseline = matured.errors
        known = matured.complete and reference is not None and reference.task == "classification"
        if reference is not None and known and reference.labelled:
            upper: float | None = clopper_pearson_upper(reference.errors, reference.labelled)
        else:
            upper = baseline.upper if baseline.learned else None
        phi = baseline.phi if baseline.learned else 1.0
        if upper is not None and (matured.full(judged) or (usual and matured.covered(judged))):
            for severity, alarm in self.alarms.items():
                alarm.null(matured.maturity.name, upper + self._tolerance[severity])
                alarm.add(matured.maturity.name, judged.start_ms, judged.classified, wrong, phi)
        baseline.add(judged.classified, wrong)

    def judge(self, key: PaneKey) -> Iterator[dict[str, Any]]:
        for severity, alarm in self.alarms.items():
            alert = alarm.judge(
                self._subject(severity), key, "of labels that had the same time to come, more are wrong than"
            )
            if alert is not None:
                yield alert

    @property
    def warns(self) -> bool:
        return any(alarm.state.firing for alarm in self.alarms.values())

    def alerts(self) -> Iterator[ActiveAlert]:
        for severity, alarm in self.alarms.items():
            yield ActiveAlert(("performance", SUBJECT, severity), alarm.state.firing, alarm.state)

    def _subject(self, severity: str) -> Subject:
        guarantee = (
            f"on average at most one false alarm in {self._days[severity]:g} days while at every maturity the error "
            f"rate among labels stays within the baseline's upper bound plus {self._tolerance[severity]:g}, however "
            "delays depend on the outcome, as long as they do so as before"
        )
        return Subject("performance", SUBJECT, severity, "e_detector", guarantee)

    def snapshot(self) -> dict[str, Any]:
        return {severity: alarm.snapshot() for severity, alarm in self.alarms.items()}

    def restore(self, wire: dict[str, Any]) -> None:
        for severity, alarm in self.alarms.items():
            alarm.restore(wire[severity])
