"""Cells that are not what they should be: one alert, which names features and states, and ends when they are well."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.expectations import VIOLATIONS, Expectation
from tiltmeter.core.panes.feature_counts import (
    MISSING,
    NONFINITE,
    OK,
    OUT_OF_RANGE,
    TYPE_ERROR,
    UNSEEN,
    FeatureCounts,
)
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.quality_rates import UNKNOWN, QualityRates
from tiltmeter.core.watch.quality_watch import QualityWatch
from tiltmeter.events.alert import encode_alert

ROWS = 1_000
STATES = {
    "missing": ("age", MISSING),
    "type_error": ("age", TYPE_ERROR),
    "nonfinite": ("age", NONFINITE),
    "out_of_range": ("age", OUT_OF_RANGE),
    "unseen": ("colour", UNSEEN),
}


def _reference() -> ReferenceProfile:
    """A tenth of the incomes are missing; that is normal."""
    random = np.random.default_rng(1)
    income = np.where(random.random(20_000) < 0.1, np.nan, random.normal(size=20_000))
    features = {
        "age": random.normal(size=20_000),
        "colour": random.choice(["red", "blue"], 20_000).tolist(),
        "income": income,
    }
    return build_reference(features, model="m", version="1")


class Feed:
    def __init__(self, watch: QualityWatch) -> None:
        self.watch = watch
        self._random = np.random.default_rng(2)
        self._number = 0

    def panes(
        self, count: int, rows: int = ROWS, unknown: int = 0, broken: str = "", **rates: float
    ) -> list[dict[str, Any]]:
        """Panes in which cells are bad at these rates, by state; incomes are missing as in the reference. ``broken``
        is an expectation, broken by this ``share`` of events."""
        alerts = []
        for _ in range(count):
            key = PaneKey(self._number * 10_000, 10_000, "m", "1", "")
            pane = PredictionPane(key, self.watch.reference_id, events=rows, unknown_features=unknown)
            for name in ("age", "colour", "income"):
                pane.features[name] = FeatureCounts()
                pane.features[name].cells[OK] = rows
            self._spoil(pane, "income", MISSING, 0.1)
            for state, rate in rates.items():
                if state in STATES:
                    self._spoil(pane, *STATES[state], rate)
            if broken:
                counts = np.zeros(len(VIOLATIONS), dtype=np.int64)
                counts[VIOLATIONS.index(broken)] = self._random.binomial(rows, rates["share"])
                pane.expectations["age"] = counts
            alerts += self.watch.on_pane(pane)
            self._number += 1
        for alert in alerts:
            encode_alert(alert)  # the wire model accepts it
        return alerts

    def _spoil(self, pane: PredictionPane, name: str, state: int, rate: float) -> None:
        cells = pane.features[name].cells
        bad = int(self._random.binomial(pane.events, rate))
        cells[state] += bad
        if state in (MISSING, TYPE_ERROR, NONFINITE):  # the others are usable cells as well
            cells[OK] -= bad


def _said(alerts: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(a["transition"], [(s["name"], s["state"]) for s in a["subjects"]]) for a in alerts]


@pytest.fixture
def feed() -> Feed:
    return Feed(QualityWatch(_reference(), ModelPolicy()))


def test_what_the_reference_knows_is_no_trouble(feed: Feed) -> None:
    assert feed.panes(300) == []


def test_a_rate_within_the_tolerance_is_no_trouble(feed: Feed) -> None:
    assert feed.panes(200, missing=0.015, type_error=0.015, unseen=0.015) == []


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_watched_and_named(feed: Feed, state: str) -> None:
    feed.panes(5)
    (alert,) = feed.panes(5, **{state: 0.2})
    assert _said([alert]) == [("firing", [(STATES[state][0], state)])]
    assert (alert["kind"], alert["subject"], alert["severity"]) == ("data_quality", "(features)", "warning")
    assert alert["subjects"][0]["estimate"] == pytest.approx(0.2, abs=0.05)
    assert alert["subjects"][0]["tolerance"] < 0.025
    assert f"{STATES[state][0]} {state}" in alert["summary"]


def test_features_that_the_reference_does_not_know_are_watched_together(feed: Feed) -> None:
    (alert,) = feed.panes(3, unknown=5 * ROWS)  # five in every event
    assert _said([alert]) == [("firing", [(UNKNOWN, "unknown")])]


def test_a_broken_pipeline_is_one_alert_that_names_all_it_broke(feed: Feed) -> None:
    (alert,) = feed.panes(5, missing=0.5, unseen=0.5)
    assert set(_said([alert])[0][1]) == {("age", "missing"), ("colour", "unseen")}
    assert feed.watch.beyond() == {"age": ["missing"], "colour": ["unseen"]}


def test_it_ends_when_the_cells_are_well_again_however_long_it_took(feed: Feed) -> None:
    for bad in (10, 200):
        assert [a["transition"] for a in feed.panes(bad, missing=0.4)] == ["firing"]
        assert [a["transition"] for a in feed.panes(20)] == ["resolved"]
        assert feed.watch.beyond() == {}


def test_a_quiet_model_is_cleared_by_a_window_that_grows(feed: Feed) -> None:
    feed.panes(5, missing=0.4)
    alerts = feed.panes(60, rows=10)
    assert _said(alerts) == [("resolved", [("age", "missing")])]


def test_an_improvement_never_alarms(feed: Feed) -> None:
    alerts = []
    for number in range(300):
        key = PaneKey(number * 10_000, 10_000, "m", "1", "")
        pane = PredictionPane(key, feed.watch.reference_id, events=ROWS)
        pane.features["income"] = FeatureCounts()
        pane.features["income"].cells[OK] = ROWS  # none is missing any more
        alerts += feed.watch.on_pane(pane)
    assert alerts == []


def test_panes_without_events_say_nothing(feed: Feed) -> None:
    feed.panes(3, missing=0.4)
    before = feed.watch.snapshot()["bank"]
    assert feed.panes(50, rows=0) == []
    assert feed.watch.snapshot()["bank"] == before


@pytest.mark.parametrize("state", VIOLATIONS)
def test_expectations_need_no_reference(state: str) -> None:
    policy = ModelPolicy(expectations={"age": Expectation(minimum=0.0, maximum=120.0, required=True)})
    feed = Feed(QualityWatch(None, policy))
    assert feed.panes(50, broken=state, share=0.01) == []
    (alert,) = feed.panes(30, broken=state, share=0.1)
    assert _said([alert]) == [("firing", [("age", state)])]
    assert alert["subjects"][0]["tolerance"] == 0.02


def test_without_anything_to_watch_there_is_no_alert_to_show() -> None:
    watch = QualityWatch(None, ModelPolicy())
    assert list(watch.alerts()) == []
    assert watch.on_pane(PredictionPane(PaneKey(0, 10_000, "m", "1", ""), events=10)) == []


@pytest.mark.parametrize("cut", [0, 3, 8, 12])
def test_a_snapshot_anywhere_continues_bit_for_bit(cut: int) -> None:
    first, second = (Feed(QualityWatch(_reference(), ModelPolicy())) for _ in range(2))
    for feed in (first, second):
        feed.panes(5)
        feed.panes(cut, missing=0.3)
    restored = QualityWatch(_reference(), ModelPolicy())
    restored.restore(orjson.loads(orjson.dumps(first.watch.snapshot())))
    first.watch = restored
    assert first.panes(5, missing=0.3) == second.panes(5, missing=0.3)
    assert first.panes(30) == second.panes(30)
    assert first.watch.snapshot() == second.watch.snapshot()


def test_with_another_tolerance_the_alert_ends_and_evidence_starts_afresh(feed: Feed) -> None:
    feed.panes(5, missing=0.1)
    watch = QualityWatch(_reference(), ModelPolicy(tolerances=Tolerances(quality=0.3)))
    watch.restore(feed.watch.snapshot())
    feed.watch = watch
    assert [a["transition"] for a in feed.panes(3, missing=0.1)] == ["resolved"]


def test_what_is_allowed_is_the_references_upper_bound_plus_the_tolerance() -> None:
    rates = {(r.feature, r.state): r.allowed for r in QualityRates(_reference(), (), 0.02).rates}
    assert 0.12 < rates["income", "missing"] < 0.13
    assert rates["age", "type_error"] == 0.02
    assert rates[UNKNOWN, "unknown"] == 0.02
    assert 0.02 < rates["age", "out_of_range"] < 0.021
    assert ("age", "unseen") not in rates
    assert ("colour", "nonfinite") not in rates


def test_an_alert_ends_when_nothing_is_expected_any_more() -> None:
    policy = ModelPolicy(expectations={"age": Expectation(minimum=0.0)})
    feed = Feed(QualityWatch(None, policy))
    assert [t for t, _ in _said(feed.panes(30, broken="below", share=0.5))] == ["firing"]
    successor = QualityWatch(None, ModelPolicy())
    successor.restore(orjson.loads(orjson.dumps(feed.watch.snapshot())))
    feed.watch = successor
    assert [t for t, _ in _said(feed.panes(3))] == ["resolved"]
