"""Everything WATCH can watch, at once: alerts, panes and state follow from the messages alone.

However source partitions interleave, however far labels are behind, whenever somebody asks, and wherever a restart, a
reload of the same settings or a snapshot cuts in.
"""

from __future__ import annotations

import os
import random
from functools import cache
from typing import Any

import orjson
import pytest

from oracle.rich_scene import LAG, PARTITIONS, policy, said, watcher
from oracle.scene import interleaved
from tiltmeter.core.panes.messages import read_message
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.alert import encode_alert

Judged = tuple[list[dict[str, Any]], list[dict[str, Any]], bytes]
CASES = 40 if os.environ.get("TILTMETER_LONG") else 2
seeds = pytest.mark.parametrize("seed", range(CASES))
labels = pytest.mark.parametrize("labels", ["arrival", "maturity"])


def order_of(seed: int, lag: int = LAG) -> list[bytes]:
    return interleaved(random.Random(seed), [list(said(lag)[1][p]) for p in range(PARTITIONS)])


@cache
def plain(labels: str, seed: int) -> Judged:
    """Asked after every message."""
    seen, panes, alerts = watcher(labels), [], []
    for raw in order_of(seed):
        seen.on_message(read_message(raw))
        more_panes, more_alerts = seen.advance()
        panes += more_panes
        alerts += more_alerts
    return panes, alerts, seen.snapshot()


def by_name(items: list[dict[str, Any]]) -> list[bytes]:
    return sorted(orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in items)


def test_the_scene_raises_what_it_is_for() -> None:
    by_arrival = {"performance", "adwin_gate", "drift_and_performance"}
    for mode, kinds in (("arrival", by_arrival), ("maturity", set())):
        fired = {(a["kind"], a["version"], bool(a["segment"])) for a in plain(mode, 0)[1]}
        assert {kind for kind, _, _ in fired} >= {*kinds, "feature_drift", "joint_drift", "data_quality"}
        assert ("feature_drift", "2", True) in fired  # a segment, against what it has learned
        assert {segment for _, _, segment in fired} == {True, False}
    withdrawn = {a["summary"][:30] for a in plain("arrival", 0)[1] if a["summary"].startswith("withdrawn")}
    assert any("no predictions" in reason for reason in withdrawn)
    assert any("reference" in reason for reason in withdrawn)


@labels
def test_every_alert_of_the_scene_has_a_wire_form(labels: str) -> None:
    assert all(encode_alert(alert) for alert in plain(labels, 0)[1])


@labels
@seeds
def test_the_order_in_which_partitions_arrive_does_not_matter(labels: str, seed: int) -> None:
    panes, alerts, end = plain(labels, seed + 1)
    first_panes, first_alerts, first_end = plain(labels, 0)
    assert by_name(alerts) == by_name(first_alerts)
    assert by_name(panes) == by_name(first_panes)
    assert end == first_end


@labels
@pytest.mark.parametrize("lag", [0, 9])
def test_how_far_labels_are_behind_predictions_does_not_matter(labels: str, lag: int) -> None:
    seen, panes, alerts = watcher(labels), [], []
    for raw in order_of(lag, lag):
        seen.on_message(read_message(raw))
        more_panes, more_alerts = seen.advance()
        panes += more_panes
        alerts += more_alerts
    assert by_name(panes) == by_name(plain(labels, 0)[0])
    assert by_name(alerts) == by_name(plain(labels, 0)[1])
    assert seen.snapshot() == plain(labels, 0)[2]


def test_one_partition_far_behind_another_changes_nothing() -> None:
    ahead, behind = said()[1]
    seen = watcher("arrival")
    for raw in (*ahead, *behind):
        seen.on_message(read_message(raw))
    panes, alerts = seen.advance()
    assert by_name(alerts) == by_name(plain("arrival", 0)[1])
    assert by_name(panes) == by_name(plain("arrival", 0)[0])
    assert seen.snapshot() == plain("arrival", 0)[2]


@labels
@seeds
def test_neither_restarts_nor_reloads_nor_batches_show(labels: str, seed: int) -> None:
    rng, order = random.Random(seed), order_of(seed)
    cuts = set(rng.sample(range(len(order)), 24))
    seen, panes, alerts = watcher(labels), [], []
    for place, raw in enumerate(order):
        seen.on_message(read_message(raw))
        if place in cuts:
            seen = restarted(seen, labels) if rng.random() < 0.7 else seen.with_policy(policy(labels))
        if rng.random() < 0.3 or place == len(order) - 1:
            more_panes, more_alerts = seen.advance()
            panes += more_panes
            alerts += more_alerts
    assert (panes, alerts) == plain(labels, seed)[:2]
    assert seen.snapshot() == plain(labels, seed)[2]


def restarted(seen: Watcher, labels: str) -> Watcher:
    successor, snapshot = watcher(labels), seen.snapshot()
    successor.restore(snapshot)
    assert successor.snapshot() == snapshot
    return successor
