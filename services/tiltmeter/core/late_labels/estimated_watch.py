"""Is the model expected to be worse, by what it says itself? Never a reason to page: it says so along with drift."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tiltmeter.core.drift.upper_bounds import clopper_pearson_upper
from tiltmeter.core.late_labels.estimated import Expected, calibration_map, expected_errors
from tiltmeter.core.panes.answers import Answers
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.verdicts.alert_state import ActiveAlert, AlertState, Subject, Word, withdraw_all

#: Standard deviations that the expected error must be beyond what is allowed.
_Z = 3.0
SUBJECT = Subject(
    "estimated_performance",
    "expected_error_rate",
    "info",
    "cbpe",
    "heuristic: fires only together with drift of the predictions, and assumes that scores mean what they meant in "
    "the reference; see realised_minus_expected for whether they still do",
)


class EstimatedWatch:
    """Of the predictions alone, pane by pane."""

    def __init__(self, policy: ModelPolicy) -> None:
        self._tolerance = policy.tolerances.error_rate
        self._min_samples = policy.tolerances.min_samples
        self._reference: Performance | None = None
        self._map = calibration_map(())
        self._state = AlertState(policy.tolerances.clear_panes)

    def compare_with(self, reference: Performance | None) -> None:
        """The reference of the panes from now on."""
        self._reference = reference
        self._map = calibration_map(reference.calibration if reference else ())

    def expected(self, answers: Answers) -> Expected | None:
        """What a window's scores promise; None if there are none."""
        return None if answers.scores is None else expected_errors(answers.scores, self._map)

    def on_pane(self, key: PaneKey, window: Answers, drifting: bool) -> list[dict[str, Any]]:
        """``window``: the detection window; ``drifting``: drift of the predictions fires at this pane."""
        reference, found = self._reference, self.expected(window)
        if reference is None or not reference.labelled or self._map is None:
            return []
        if found is None or found.n < self._min_samples:
            word = Word(False, not drifting)
        else:
            allowed = clopper_pearson_upper(reference.errors, reference.labelled) + self._tolerance
            rate = found.errors / found.n
            alarm = drifting and rate - _Z * found.sd > allowed
            numbers = {"expected": rate, "allowed": allowed, "sd": found.sd, "predictions": float(found.n)}
            summary = f"the scores promise an error rate of {rate:.4f}; {allowed:.4f} is allowed"
            word = Word(alarm, not drifting or rate < allowed, numbers, summary)
        alert = self._state.on_pane(SUBJECT, key, word)
        return [] if alert is None else [alert]

    def withdraw(self, key: PaneKey) -> list[dict[str, Any]]:
        """Another reference is in force: it may have no labels, and then nothing is expected any more."""
        return withdraw_all(self.alerts(), key, "withdrawn: another reference is in force")

    def accuracy(self, window: Answers) -> float:
        """NaN where too few scores say something."""
        found = self.expected(window)
        return found.accuracy if found is not None and found.n >= self._min_samples else math.nan

    def alerts(self) -> Iterator[ActiveAlert]:
        yield ActiveAlert((SUBJECT.kind, SUBJECT.name, SUBJECT.severity), self._state.firing, self._state)

    def snapshot(self) -> dict[str, Any]:
        return self._state.snapshot()

    def restore(self, wire: dict[str, Any]) -> None:
        self._state.restore(wire)
