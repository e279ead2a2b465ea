"""When a performance alert begins and ends."""

from __future__ import annotations

from typing import Any

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance_watch import PerformanceWatch
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference import Performance

LABELS = 100


def _pane(watch: PerformanceWatch, number: int, wrong: int) -> list[dict[str, Any]]:
    outcomes = Outcomes(n=LABELS, confusion={("1", "1"): LABELS - wrong, ("1", "0"): wrong})
    return watch.on_pane(PaneKey(number * 10_000, 10_000, "m", "1", ""), outcomes)


def _watch() -> PerformanceWatch:
    watch = PerformanceWatch(ModelPolicy())
    watch.compare_with(Performance("classification", labelled=20_000, errors=1_000))
    return watch


def test_an_alert_resolves_soon_after_the_loss_is_back_although_evidence_fades_slowly() -> None:
    """pane    0 ────────── 50 ───── 55 ─────────────────▶
    errors     5 %           60 %     5 %
    alert                     ▲ fires  ▼ resolves within some twenty panes"""
    watch = _watch()
    alerts = []
    for number in range(120):
        alerts += _pane(watch, number, 60 if 50 <= number < 55 else 5)
    by_severity = {
        severity: [a["transition"] for a in alerts if a["severity"] == severity]
        for severity in ("warning", "critical")
    }
    assert by_severity == {"warning": ["firing", "resolved"], "critical": ["firing", "resolved"]}
    resolved = [
        a["resolved_at"] for a in alerts if a["transition"] == "resolved" and a["kind"] == "performance"
    ]
    assert max(resolved) <= 80 * 10_000


def test_a_loss_that_stays_high_keeps_its_alert() -> None:
    watch = _watch()
    alerts = [alert for number in range(300) for alert in _pane(watch, number, 5 if number < 50 else 30)]
    assert [a["transition"] for a in alerts if a["kind"] == "performance"] == ["firing", "firing"]


def test_an_improvement_never_alarms() -> None:
    watch = _watch()
    assert [alert for number in range(500) for alert in _pane(watch, number, 0)] == []


def test_the_same_trouble_again_is_a_new_alert_with_the_same_fingerprint() -> None:
    watch = _watch()
    alerts = []
    for number in range(250):
        alerts += _pane(watch, number, 60 if number % 125 in (60, 61, 62) else 5)
    fired = [a for a in alerts if a["transition"] == "firing" and a["severity"] == "critical"]
    assert len(fired) == 2
    assert len({a["fingerprint"] for a in fired}) == 1
    assert len({a["id"] for a in fired}) == 2
