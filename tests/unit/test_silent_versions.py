"""A version that nobody serves any more: first it is no longer shown, much later it is forgotten.

events     ████████
shown      ──────────────┐               silent_panes
kept       ────────────────────────┐     forget_after
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oracle.scene import PARTITIONS, POLICY, START, messages, references
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.messages import PANE, read_message, watermark_message
from tiltmeter.core.policy import DAY, HOUR, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.watch.departed import in_the_way
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.metrics.model_samples import model_samples

END = START + 70 * 10_000
POLICY_HERE = ModelPolicy(
    pane_ms=POLICY.pane_ms,
    windows=POLICY.windows,
    tolerances=POLICY.tolerances,
    silent_panes=200,
    forget_ms=DAY,
)
LONGEST_MS = 100 * 10_000


def bad_scene(policy: ModelPolicy = POLICY_HERE) -> tuple[Watcher, list[dict[str, Any]]]:
    """All that the partitions say up to the middle of the trouble: alerts fire and nothing follows."""
    watcher, alerts = Watcher("m", policy, 1_000, references()), []
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


def pane_of(kind: str, version: str, start: int) -> dict[str, Any]:
    """A message of partition 0 with some pane of that kind, in another place."""
    said = [read_message(raw) for raw in messages(0)]
    found = next(
        m for m in said if m["type"] == PANE and m["pane"]["kind"] == kind and m["pane"]["version"] == "1"
    )
    return {**found, "pane": {**found["pane"], "start": start, "version": version}}


def labelled(watcher: Watcher, version: str) -> int:
    watch = watcher.versions.get((version, ""))
    return watch.labelled.total.n if watch else 0


BEGINS = START + 200 * 10_000  # when both versions of the scene have been silent for longer than a window


def test_a_version_too_many_takes_the_place_of_the_one_silent_longest_whose_alerts_end_and_say_why() -> None:
    watcher, alerts = bad_scene(replace(POLICY_HERE, most_watched=2))
    alerts += pass_to(watcher, BEGINS)
    assert {a["version"] for a in alerts if a["fingerprint"] in firing(alerts)} == {"1"}
    watcher.on_message(pane_of("prediction", "3", BEGINS))
    ended = pass_to(watcher, BEGINS + 20_000)
    assert set(watcher.versions) == {("2", ""), ("3", "")}
    assert watcher.crowded_out == 1
    assert firing(alerts + ended) == set()
    assert {(a["version"], a["transition"], a["pane_end"]) for a in ended} == {("1", "resolved", BEGINS)}
    assert all("too many versions" in a["summary"] for a in ended)


def test_a_version_with_a_prediction_within_the_longest_window_is_not_forgotten_for_another() -> None:
    watcher, _ = bad_scene(replace(POLICY_HERE, most_watched=2))
    soon = START + 30 * 10_000 + LONGEST_MS - 10_000
    watcher.on_message(pane_of("prediction", "3", soon))
    pass_to(watcher, soon + 20_000)
    assert set(watcher.versions) == {("1", ""), ("2", ""), ("3", "")}
    assert watcher.crowded_out == 0


def test_labels_of_a_version_that_made_room_count_nowhere_until_it_is_back() -> None:
    watcher, _ = bad_scene(replace(POLICY_HERE, most_watched=2))
    watcher.on_message(pane_of("prediction", "3", BEGINS))
    watcher.on_message(pane_of("label", "1", BEGINS + 10_000))
    pass_to(watcher, BEGINS + 40_000)
    assert ("1", "") not in watcher.versions
    watcher.on_message(pane_of("prediction", "1", BEGINS + 50_000))
    watcher.on_message(pane_of("label", "1", BEGINS + 50_000))
    pass_to(watcher, BEGINS + 80_000)
    known = sum(cell["n"] for cell in pane_of("label", "1", 0)["pane"]["cells"])
    assert labelled(watcher, "1") == known > 0
    assert ("2", "") not in watcher.versions


def test_who_makes_room_is_silent_longest_and_neither_gone_nor_without_a_prediction() -> None:
    def version(name: str, last: int | None) -> VersionWatch:
        made = VersionWatch(PaneKey(0, 10_000, "m", name, ""), POLICY_HERE, ReferenceBook())
        made.last_prediction_pane = last
        return made

    now, lately = 10 * DAY, HOUR
    watches = {
        (name, ""): version(name, last)
        for name, last in (("a", now - 3 * HOUR), ("b", now - 2 * HOUR), ("c", now - HOUR // 2), ("d", None))
    }
    assert in_the_way(watches, 4, now, lately) == []  # three are watched, and one more has room
    assert in_the_way(watches, 3, now, lately) == [("a", "")]
    assert in_the_way(watches, 1, now, lately) == [("a", ""), ("b", "")]
    watches["e", ""] = version("e", now - 2 * DAY)
    assert in_the_way(watches, 3, now, lately) == [("a", "")]
