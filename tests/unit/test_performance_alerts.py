"""When a performance alert begins and ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.watch.performance_watch import PerformanceWatch

LABELS = 100


def _pane(watch: PerformanceWatch, number: int, wrong: int) -> list[dict[str, Any]]:
    outcomes = Outcomes(n=LABELS, confusion={("1", "1"): LABELS - wrong, ("1", "0"): wrong})
    return watch.on_pane(PaneKey(number * 10_000, 10_000, "m", "1", ""), outcomes)


def _watch() -> PerformanceWatch:
    watch = PerformanceWatch(ModelPolicy(tolerances=Tolerances(learning_panes=0)))
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


def test_while_over_dispersion_is_learned_nothing_warns_and_then_it_does() -> None:
    watch = PerformanceWatch(ModelPolicy(tolerances=Tolerances(learning_panes=40)))
    watch.compare_with(Performance("classification", labelled=20_000, errors=1_000))
    alerts = [alert for number in range(60) for alert in _pane(watch, number, 30 + number % 7)]
    fired = [a for a in alerts if a["kind"] == "performance"]
    assert [a["transition"] for a in fired] == ["firing", "firing"]
    assert {a["pane_start"] for a in fired} == {40 * 10_000}
    assert watch.phi is not None


def test_a_reference_that_knows_its_over_dispersion_is_believed_at_once() -> None:
    watch = PerformanceWatch(ModelPolicy())
    watch.compare_with(Performance("classification", labelled=20_000, errors=1_000, phi=2.0))
    alerts = [alert for number in range(20) for alert in _pane(watch, number, 40)]
    assert {a["severity"] for a in alerts if a["kind"] == "performance"} == {"warning", "critical"}
    assert watch.phi == 2.0


def test_errors_that_come_in_tens_do_not_alarm_where_independent_ones_would_not() -> None:
    """Every error ten times: without phi a pane of 100 labels would look like ten times the evidence."""
    random = np.random.default_rng(9)
    watch = PerformanceWatch(ModelPolicy())
    watch.compare_with(Performance("classification", labelled=200_000, errors=10_000))
    alerts = []
    for number in range(3_000):
        alerts += _pane(watch, number, 10 * int(random.binomial(10, 0.065)))
    assert [a for a in alerts if a["kind"] == "performance"] == []
    assert watch.phi is not None
    assert 7 < watch.phi < 13


def test_another_version_begins_with_what_was_learned_of_the_losses() -> None:
    policy = ModelPolicy(tolerances=Tolerances(learning_panes=30))
    traffic: dict[str, float] = {}
    reference = Performance("classification", labelled=20_000, errors=1_000)
    first, second = PerformanceWatch(policy, traffic), PerformanceWatch(policy, traffic)
    first.compare_with(reference)
    for number in range(30):
        _pane(first, number, 4 + number % 3)
    assert traffic["error_rate"] == first.phi
    second.compare_with(reference)
    assert second.phi is None
    alerts = [alert for number in range(10) for alert in _pane(second, number, 40)]
    assert "warning" in {a["severity"] for a in alerts if a["kind"] == "performance"}
    assert second.phi == first.phi
