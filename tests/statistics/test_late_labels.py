"""Late labels: what arrival-time accuracy gets wrong, and what is computed instead.

The model is right in 93.6 % of its answers throughout; two weeks before the end of "worse" it falls to 88.7 %.
"""

from __future__ import annotations

from functools import cache

import pytest

from oracle.delayed_labels import KEY, PANE_MS, POLICY, START, World, label_panes, run, watch
from oracle.delayed_labels import WORLDS as SCENES
from tiltmeter.core.late_labels.late_label_watch import LateLabelWatch
from tiltmeter.core.late_labels.nowcast import Nowcast
from tiltmeter.core.policy import DAY, ModelPolicy
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.watch.performance_watch import PerformanceWatch

WORLDS = {name: make() for name, make in SCENES.items()} | {"right slow": World(100, right_slow_from=80)}
Alerts = list[dict[str, object]]


@cache
def watched(name: str) -> tuple[Alerts, LateLabelWatch]:
    return run(watch(POLICY), WORLDS[name])


def estimates(name: str) -> dict[str, Nowcast]:
    return dict(watched(name)[1].nowcasts())


def last_weeks(name: str) -> tuple[float, float]:
    """Of the predictions of the last 7 days, and of the 7 before: the truth."""
    world = WORLDS[name]
    return world.accuracy(world.days - 7, world.days), world.accuracy(world.days - 14, world.days - 7)


def test_accuracy_by_arrival_falls_when_traffic_grows_and_nothing_is_wrong() -> None:
    steady, growing = WORLDS["stationary"], WORLDS["growing"]
    assert steady.by_arrival(93, 100) == pytest.approx(steady.accuracy(93, 100), abs=0.005)
    assert growing.by_arrival(73, 80) < 0.80
    assert growing.accuracy(73, 80) > 0.93


@pytest.mark.parametrize("name", ["stationary", "growing", "worse"])
def test_the_nowcast_of_a_week_ago_is_what_the_labels_will_say(name: str) -> None:
    found, truth = estimates(name)["7d"], last_weeks(name)[1]
    assert found.accuracy == pytest.approx(truth, abs=0.008)
    world = WORLDS[name]
    week = world.of_days(world.days - 14, world.days - 7)
    said, true = world.said[week], world.truth[week]
    assert found.precision == pytest.approx((said & true).sum() / said.sum(), abs=0.02)
    assert found.recall == pytest.approx((said & true).sum() / true.sum(), abs=0.04)


@pytest.mark.parametrize("name", ["stationary", "growing", "worse"])
def test_where_labels_cannot_say_there_is_no_number(name: str) -> None:
    """Of answers of "no" younger than a week next to nothing is known, right or wrong."""
    for age in ("0", "1d", "3d"):
        assert estimates(name)[age].accuracy != estimates(name)[age].accuracy


def test_while_labels_are_missing_nothing_is_estimated() -> None:
    assert all(found.accuracy != found.accuracy for found in estimates("slow").values())


def test_accuracy_at_a_fixed_maturity_is_not_the_truth_but_moves_only_with_it() -> None:
    at = {name: {m.maturity.name: m.accuracy() for m in watched(name)[1].matured} for name in WORLDS}
    assert at["stationary"]["7d"] < 0.7
    assert at["growing"]["7d"] == pytest.approx(at["stationary"]["7d"], abs=0.03)
    assert at["worse"]["7d"] < at["stationary"]["7d"] - 0.15
    assert at["stationary"]["30d"] == pytest.approx(WORLDS["stationary"].accuracy(62, 69), abs=0.005)


@pytest.mark.parametrize("name", ["stationary", "growing"])
def test_where_nothing_is_wrong_nothing_alarms(name: str) -> None:
    assert watched(name)[0] == []


def test_by_arrival_the_growing_stream_would_have_raised_a_false_alarm() -> None:
    world = WORLDS["growing"]
    by_arrival = PerformanceWatch(ModelPolicy(pane_ms=PANE_MS))
    by_arrival.compare_with(Performance("classification", labelled=100_000, errors=6_400, phi=1.0))
    fired = [
        alert["kind"]
        for pane in label_panes(world)
        if pane.key.start_ms >= START + 40 * DAY  # once labels of every age arrive
        for alert in by_arrival.on_pane(pane.key, pane.total())
        if alert["transition"] == "firing" and alert["severity"] == "critical"
    ]
    assert fired == ["performance"]


def test_a_worse_model_alarms_at_the_earliest_maturity_within_days() -> None:
    alerts, _ = watched("worse")
    assert [(a["kind"], a["subject"], a["severity"], a["transition"]) for a in alerts] == [
        ("performance", "mature_error_rate", "warning", "firing"),
        ("performance", "mature_error_rate", "critical", "firing"),
    ]
    since = START + WORLDS["worse"].worse_from * DAY
    assert all(DAY < a["first_at"] - since <= 4 * DAY for a in alerts)  # type: ignore[operator]


@pytest.mark.parametrize(("name", "days"), [("slow", 3), ("right slow", 8)])
def test_slow_labels_alarm_as_coverage_and_never_as_accuracy(name: str, days: int) -> None:
    """Also where only labels that would prove the model right are slow, so that most that come prove it wrong."""
    alerts, seen = watched(name)
    assert {a["kind"] for a in alerts} == {"label_coverage"}
    assert {a["severity"] for a in alerts} == {"warning"}
    first = alerts[0]
    assert first["subject"] == "labels_within_1d"
    assert first["first_at"] - START <= (80 + days) * DAY  # type: ignore[operator]
    if name == "right slow":
        assert seen.matured[0].accuracy() < 0.3


def test_delays_are_quantiles_within_their_age_bucket() -> None:
    from tiltmeter.core.late_labels.label_delay import delay_quantile_ms

    world = WORLDS["stationary"]
    _, seen = watched("stationary")
    end = START + world.days * DAY
    window = POLICY.windows["long"] * PANE_MS
    came = (world.known >= end - window) & (world.known < end)
    delays = sorted((world.known - world.at)[came].tolist())
    assert seen.delays.total.n == len(delays)
    for q, low, high in ((0.01, 0, DAY), (0.5, 14 * DAY, 30 * DAY)):
        exact = delays[int(q * len(delays))]
        assert low <= exact <= high
        assert low <= delay_quantile_ms(seen.delays.total.counts, q) <= high


def test_no_pane_belongs_to_another_model() -> None:
    assert {pane.key.model for pane in label_panes(World(3))} == {KEY.model}
