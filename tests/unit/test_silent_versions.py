"""A version that nobody serves any more: first it is no longer shown, much later it is forgotten.

events     ████████
shown      ──────────────┐               3 longest windows
kept       ────────────────────────┐     forget_after
"""

from __future__ import annotations

from typing import Any

import pytest

from oracle.scene import PARTITIONS, POLICY, START, messages, references
from tiltmeter.core.panes.messages import PANE, read_message, watermark_message
from tiltmeter.core.policy import DAY, HOUR, ModelPolicy
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.metrics.model_samples import model_samples

END = START + 70 * 10_000
POLICY_HERE = ModelPolicy(
    pane_ms=POLICY.pane_ms,
    windows=POLICY.windows,
    tolerances=POLICY.tolerances,
    silent_windows=2,
    forget_ms=DAY,
)
LONGEST_MS = 100 * 10_000


def bad_scene() -> tuple[Watcher, list[dict[str, Any]]]:
    """All that the partitions say up to the middle of the trouble: alerts fire and nothing follows."""
    watcher, alerts = Watcher("m", POLICY_HERE, 1_000, references()), []
    for said in zip(*(messages(p) for p in range(PARTITIONS)), strict=False):
        for raw in said:
            message = read_message(raw)
            if message["type"] == PANE and message["pane"]["start"] >= START + 30 * 10_000:
                return watcher, alerts
            watcher.on_message(message)
        alerts += watcher.advance()[1]
    raise AssertionError("the scene has no trouble")


def pass_to(watcher: Watcher, at_ms: int) -> list[dict[str, Any]]:
    for partition in range(PARTITIONS):
        marks = {"prediction": at_ms, "label": at_ms}
        watcher.on_message(read_message(watermark_message(partition, PARTITIONS, 0, marks)))
    return watcher.advance()[1]


def series_of(watcher: Watcher) -> set[str]:
    return {s.labels[1] for part in model_samples(watcher) for s in part if s.metric == "predictions"}


def firing(alerts: list[dict[str, Any]]) -> set[str]:
    now: set[str] = set()
    for alert in alerts:
        (now.add if alert["transition"] == "firing" else now.discard)(alert["fingerprint"])
    return now


def test_a_silent_version_is_not_shown_and_comes_back_with_its_totals() -> None:
    watcher, _ = bad_scene()
    shown = series_of(watcher)
    assert "1" in shown
    before = watcher.versions[("1", "")].total.events
    pass_to(watcher, START + 30 * 10_000 + 2 * LONGEST_MS - 60_000)
    assert series_of(watcher) == shown
    assert pass_to(watcher, START + 30 * 10_000 + 2 * LONGEST_MS + 60_000) == []
    assert series_of(watcher) == set()
    assert watcher.versions[("1", "")].total.events == before


def test_a_version_without_predictions_is_forgotten_and_its_alerts_end() -> None:
    watcher, alerts = bad_scene()
    assert firing(alerts)
    ended = pass_to(watcher, END + DAY + HOUR)
    assert {a["transition"] for a in ended} == {"resolved"}
    assert firing(alerts + ended) == set()
    assert all("forgotten" in a["summary"] for a in ended)
    assert watcher.versions == {}
    assert watcher.merge.closed == {}


@pytest.mark.parametrize("noticed", ["while it lasts", "by the pane that ends it"])
def test_when_the_pause_is_noticed_makes_no_difference(noticed: str) -> None:
    watcher, _ = bad_scene()
    if noticed == "while it lasts":
        pass_to(watcher, END + 2 * DAY)
        assert watcher.versions == {}
    said = [read_message(raw) for raw in messages(0)]
    last = next(m for m in said if m["type"] == PANE and m["pane"]["kind"] == "prediction")
    later = (END + 3 * DAY) // 10_000 * 10_000
    last["pane"] = {**last["pane"], "start": later, "version": "1"}
    watcher.on_message(last)
    pass_to(watcher, later + DAY // 2)
    assert watcher.versions[("1", "")].total.events == last["pane"]["events"]
    assert not any(alert.firing for alert in watcher.versions[("1", "")].alerts())
