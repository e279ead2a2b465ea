"""Which error rate may alarm: by arrival or at fixed maturity, also when the choice changes while an alert fires."""

from __future__ import annotations

from dataclasses import replace

from oracle.scene import PARTITIONS, POLICY, messages, watcher
from tiltmeter.core.panes.messages import read_message
from tiltmeter.core.watch.watcher import Watcher

#: Two alerts of the arrival kind, and the one that follows from one of them and drift.
BY_ARRIVAL = {"performance", "adwin_gate", "drift_and_performance"}


def read_on(seen: Watcher, begin: int, end: int) -> list[tuple[str, str]]:
    told = []
    for said in list(zip(*(messages(p) for p in range(PARTITIONS)), strict=False))[begin:end]:
        for raw in said:
            seen.on_message(read_message(raw))
        told += [(alert["kind"], alert["transition"]) for alert in seen.advance()[1]]
    return told


def test_with_maturity_the_error_rate_by_arrival_does_not_alarm() -> None:
    told = read_on(watcher(), 0, 10_000)
    assert {kind for kind, _ in told} >= BY_ARRIVAL
    late = watcher().with_policy(replace(POLICY, labels="maturity"))
    told = read_on(late, 0, 10_000)
    assert "feature_drift" in {kind for kind, _ in told}
    assert not {kind for kind, _ in told} & BY_ARRIVAL
    evidence = next(iter(late.versions.values())).labelled.performance.evidence
    assert set(evidence) == {"warning", "critical"}  # still shown


def test_what_fires_by_arrival_when_the_choice_changes_ends_and_takes_its_consequences_along() -> None:
    seen = watcher()
    begun = 0
    while not any(a.firing and a.names[0] == "drift_and_performance" for a in alerts_of(seen)):
        read_on(seen, begun, begun + 1)
        begun += 1
    seen = seen.with_policy(replace(POLICY, labels="maturity"))
    told = read_on(seen, begun, 10_000)
    assert ("drift_and_performance", "resolved") in told
    assert ("drift_and_performance", "firing") not in told
    assert not any(a.firing and a.names[0] in BY_ARRIVAL for a in alerts_of(seen))


def alerts_of(seen: Watcher) -> list:
    return [alert for watch in seen.versions.values() for alert in watch.alerts()]
