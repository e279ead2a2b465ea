"""What the cohorts of one maturity say: the last ones for the gauges, the first ones as a baseline, alarms."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from tiltmeter.core.late_labels.baseline import Baseline
from tiltmeter.core.late_labels.cohort_alarm import CohortAlarm
from tiltmeter.core.late_labels.maturity import Maturity
from tiltmeter.core.late_labels.triangle import NUMBERS, Cohort
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.verdicts.alert_state import ActiveAlert, Subject
from tiltmeter.core.verdicts.budget import Budget

#: Labels that come for at least this share of the predictions are as good as complete: nothing selects them.
COMPLETE = 0.99
#: Share of the labels whose absence is not noticed yet, when errors are judged.
_RELATIVE = 0.02
KIND = "label_coverage"


class Judged(NamedTuple):
    """A cohort at its maturity: successful predictions, labels within the maturity, and of classes how many were
    right. ``hits``, ``said`` and ``misses`` are of class "1": right, said at all, and answered "0" but wrong."""

    start_ms: int
    predicted: int
    labelled: int
    classified: int
    right: int
    hits: int
    said: int
    misses: int


class Matured:
    """One maturity of one version."""

    def __init__(self, maturity: Maturity, maturities: int, policy: ModelPolicy) -> None:
        self.maturity = maturity
        self.judged_to_ms: int | None = None  # cohorts that start earlier have been judged
        self.recent: list[Judged] = []
        tolerances = policy.tolerances
        self._min_samples = tolerances.min_samples
        self._tolerance = tolerances.coverage
        self._days = Budget.of(policy).part("label_coverage", "e_sr").days
        self.coverage = Baseline(maturity.recent, tolerances.min_samples)
        self.errors = Baseline(maturity.recent, tolerances.min_samples)
        # Each maturity alarms by itself, with its part of the budget: their false alarms add up, whatever they share.
        self.shortfall = CohortAlarm([maturity], self._days * maturities, tolerances.clear_panes)

    def due(self, frontier_ms: int) -> int | None:
        """Cohorts that start before this are old enough, if there may be one that was not before."""
        m = self.maturity
        to_ms = (frontier_ms - m.age_ms) // m.cohort_ms * m.cohort_ms
        return to_ms if self.judged_to_ms is None or to_ms > self.judged_to_ms else None

    def judge(self, start_ms: int, cohort: Cohort) -> Judged:
        """A cohort comes of age, once; cohorts come in order of time."""
        tally = cohort.within(self.maturity.buckets)
        classes = [counts for name, counts in tally.items() if name != NUMBERS]
        said, hits = tally.get("1", (0, 0))
        no, right_no = tally.get("0", (0, 0))
        judged = Judged(
            start_ms,
            cohort.predicted,
            sum(n for n, _ in tally.values()),
            sum(n for n, _ in classes),
            sum(right for _, right in classes),
            hits,
            said,
            no - right_no,
        )
        self.recent = [*self.recent[-self.maturity.recent + 1 :], judged]
        # A prediction that came late is in no pane but may be labelled: more labels than predictions are possible.
        unlabelled = max(judged.predicted - judged.labelled, 0)
        if self.coverage.learned:
            self.shortfall.null(self.maturity.name, self.allowed)
            self.shortfall.add(self.maturity.name, start_ms, judged.predicted, unlabelled, self.coverage.phi)
        self.coverage.add(judged.predicted, unlabelled)
        return judged

    @property
    def allowed(self) -> float:
        """Share of predictions that may have no label: the baseline's 99.5 % upper bound and the tolerance, but not
        more than half of the labels there were."""
        upper = self.coverage.upper
        return upper + min(self._tolerance, (1.0 - upper) / 2)

    def covered(self, judged: Judged) -> bool:
        """Have this cohort, the last four, and all recent ones as many labels as they should? Where too few came, who
        got one is a selection, and errors among them say little. A heuristic that only ever silences: fewer than the
        baseline's lower bound by 2 % and two standard deviations are too few."""
        if not self.coverage.learned or judged.predicted - judged.labelled > self.allowed * judged.predicted:
            return False
        expected = (1.0 - _RELATIVE) * (1.0 - self.coverage.upper)
        variance = self.coverage.phi * self.coverage.rate * (1.0 - self.coverage.rate)
        for last in (1, 4, len(self.recent)):
            n = sum(j.predicted for j in self.recent[-last:])
            missing = expected * n - sum(j.labelled for j in self.recent[-last:])
            if missing > 2.0 * math.sqrt(variance * n):
                return False
        return True

    def full(self, judged: Judged) -> bool:
        """Has (nearly) every prediction a label, in this cohort as in the baseline?"""
        return self.complete and judged.labelled >= COMPLETE * judged.predicted

    def alert(self, key: PaneKey) -> dict[str, Any] | None:
        return self.shortfall.judge(
            self._subject(),
            key,
            f"of predictions {self.maturity.name} old, the share without a label exceeds",
        )

    def alerts(self) -> list[ActiveAlert]:
        subject = self._subject()
        state = self.shortfall.state
        return [ActiveAlert((subject.kind, subject.name, subject.severity), state.firing, state)]

    def _subject(self) -> Subject:
        name = self.maturity.name
        guarantee = (
            f"on average at most one false alarm in {self._days:g} days, over all maturities, while the share of "
            "predictions without a label stays within what is allowed; says that labels are missing or slow, and "
            "nothing of whether predictions are right"
        )
        return Subject(KIND, f"labels_within_{name}", "warning", "e_detector", guarantee)

    @property
    def complete(self) -> bool:
        """Labels are not a selection: (nearly) all predictions had one by this age in the baseline."""
        return self.coverage.learned and self.coverage.rate <= 1.0 - COMPLETE

    def coverage_ratio(self) -> float:
        """Of the last cohorts; NaN if they hold too few predictions."""
        return self._ratio(sum(j.labelled for j in self.recent), sum(j.predicted for j in self.recent))

    def usual_coverage(self) -> float:
        """Of the first cohorts; NaN while it is being learned."""
        return 1.0 - self.coverage.rate if self.coverage.learned else math.nan

    def accuracy(self) -> float:
        return self._ratio(sum(j.right for j in self.recent), sum(j.classified for j in self.recent))

    def precision(self) -> float:
        return self._ratio(sum(j.hits for j in self.recent), sum(j.said for j in self.recent))

    def recall(self) -> float:
        hits = sum(j.hits for j in self.recent)
        return self._ratio(hits, hits + sum(j.misses for j in self.recent))

    def _ratio(self, part: int, whole: int) -> float:
        enough = sum(j.predicted for j in self.recent) >= self._min_samples
        return part / whole if enough and whole >= self._min_samples else math.nan

    def snapshot(self) -> dict[str, Any]:
        return {
            "judged_to": self.judged_to_ms,
            "recent": [list(judged) for judged in self.recent],
            "coverage": self.coverage.snapshot(),
            "errors": self.errors.snapshot(),
            "shortfall": self.shortfall.snapshot(),
        }

    def restore(self, wire: dict[str, Any]) -> None:
        self.judged_to_ms = wire["judged_to"]
        self.recent = [Judged(*row) for row in wire["recent"]]
        self.coverage.restore(wire["coverage"])
        self.errors.restore(wire["errors"])
        self.shortfall.restore(wire["shortfall"])
