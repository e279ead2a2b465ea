"""Drift of inputs and loss of performance at the same event time: critical, although either alone is a warning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.verdicts.alert_state import ActiveAlert, AlertState, Subject, Word
from tiltmeter.core.watch.conjunction import Conjunction
from tiltmeter.core.watch.feature_watch import TOGETHER

#: Kinds of alerts that are critical when they come together (semantics 27).
DRIFT, PERFORMANCE = "feature_drift", "performance"
_WORSE = Subject(
    "drift_and_performance",
    TOGETHER,
    "critical",
    "drift_and_performance",
    "fires only while warnings of drift and of performance both fire, at the same event time; see their own alerts",
)


class WorseTogether:
    """Told when each kind begins and ceases to hold; decides up to where both timelines are complete."""

    def __init__(self, clear_panes: int) -> None:
        self._conjunction = Conjunction(DRIFT, PERFORMANCE)
        self._state = AlertState(clear_panes)
        self._reported = dict.fromkeys((DRIFT, PERFORMANCE), False)

    def alert(self) -> ActiveAlert:
        return ActiveAlert((_WORSE.kind, _WORSE.name, _WORSE.severity), self._state.firing, self._state)

    def report(self, kind: str, at_ms: int, holds: bool) -> None:
        """From ``at_ms`` on the kind holds, or does not."""
        if holds != self._reported[kind]:
            self._reported[kind] = holds
            self._conjunction.report(kind, at_ms, holds)

    def advance(self, complete_to_ms: int, key: Callable[[int], PaneKey]) -> list[dict[str, Any]]:
        """Alerts to publish; ``key`` names the pane that ends at a time."""
        alerts: list[dict[str, Any] | None] = []
        for at_ms, since in self._conjunction.advance(complete_to_ms):
            if since:
                lasting = {f"{kind}_seconds": (at_ms - began) / 1000 for kind, began in since.items()}
                word = Word(True, False, lasting, "inputs have drifted and performance has fallen")
                alerts.append(self._state.on_pane(_WORSE, key(at_ms), word))
            else:
                alerts.append(self._state.withdraw(key(at_ms), "drift or loss of performance is over"))
        return [alert for alert in alerts if alert is not None]

    def snapshot(self) -> list[Any]:
        return [self._conjunction.snapshot(), self._state.snapshot(), self._reported]

    def restore(self, wire: list[Any]) -> None:
        together, alert, self._reported = wire
        self._conjunction.restore(together)
        self._state.restore(alert)
