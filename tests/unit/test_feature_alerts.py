"""What feature drift says: one alert for all features, with their names; a large drift or several warn."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.panes.feature_counts import OK, FeatureCounts
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.profile import OUTPUT, NumericFeature, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.feature_watch import FeatureWatch
from tiltmeter.events.alert import encode_alert

NAMES = tuple("abcde")
ROWS = 2_000


def _reference(seed: int = 11) -> ReferenceProfile:
    random = np.random.default_rng(seed)
    features: dict[str, Any] = {name: random.normal(size=100_000) for name in NAMES}
    features["colour"] = np.repeat(["red", "blue"], [60_000, 40_000]).tolist()
    return build_reference(features, model="m", version="1", predictions=random.normal(size=100_000))


def _policy(learning_panes: int = 0) -> ModelPolicy:
    return ModelPolicy(windows={"short": 5}, tolerances=Tolerances(learning_panes=learning_panes))


class Model:
    """Feeds panes of five standard normal features, a colour, and predictions, some of them shifted, into a watch."""

    def __init__(
        self, learning_panes: int = 0, traffic: dict[str, float] | None = None, seed: int = 11
    ) -> None:
        self._random = np.random.default_rng(seed)
        self.policy = _policy(learning_panes)
        self.watch = FeatureWatch(_reference(), self.policy, traffic)
        self._window: Window[PredictionPane] = Window(5, 10_000, lambda: self._empty(0))
        self._number = 0

    def _empty(self, number: int) -> PredictionPane:
        key = PaneKey(number * 10_000, 10_000, "m", "1", "")
        return PredictionPane(key, self.watch.reference.reference_id)

    def panes(
        self, count: int, output: float = 0.0, reds: int = 1_200, rows: int = ROWS, **shifts: float
    ) -> list[dict[str, Any]]:
        alerts = []
        for _ in range(count):
            pane = self._empty(self._number)
            pane.events = rows
            for name in (*NAMES, OUTPUT):
                profile = self.watch.reference.features.get(name, self.watch.reference.prediction)
                assert isinstance(profile, NumericFeature)
                shift = output if name == OUTPUT else shifts.get(name, 0.0)
                counts = FeatureCounts(bins=bin_counts(profile.edges, self._random.normal(shift, 1.0, rows)))
                counts.cells[OK] = rows
                if name == OUTPUT:
                    pane.output = counts
                else:
                    pane.features[name] = counts
            pane.features["colour"] = FeatureCounts(
                categories={"red": reds, "(unseen)": 0, "blue": rows - reds}
            )
            self._window.add(pane.key.start_ms, pane)
            alerts += self.watch.on_pane(pane, self._window)
            self._number += 1
        for alert in alerts:
            encode_alert(alert)  # the wire model accepts it
        return alerts


def _said(alerts: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(a["subject"], a["severity"], a["transition"]) for a in alerts]


def _names(alert: dict[str, Any]) -> list[str]:
    return [subject["name"] for subject in alert["subjects"]]


@pytest.fixture
def model() -> Model:
    return Model()


def test_without_drift_nothing_is_said(model: Model) -> None:
    assert model.panes(100) == []


def test_a_drift_within_tolerance_is_not_an_alarm(model: Model) -> None:
    """KS distance .04 for a shift of .1 standard deviations; tolerated is .05."""
    assert model.panes(100, b=0.1) == []
    assert model.watch.drifted()["b"] == 0


def test_one_feature_informs_and_a_large_drift_warns(model: Model) -> None:
    alerts = model.panes(20, b=0.25)
    assert _said(alerts) == [("(features)", "info", "firing")]
    assert _names(alerts[0]) == ["b"]
    assert model.watch.drifted() == {**dict.fromkeys([*NAMES, "colour", OUTPUT], 0), "b": 1}
    alerts = model.panes(20, b=1.0)
    assert _said(alerts) == [("(features)", "warning", "firing")]
    assert alerts[0]["subjects"][0]["state"] == "largely_drifted"
    assert model.watch.drifted()["b"] == 2


def test_what_begins_as_a_warning_is_one_alert(model: Model) -> None:
    assert _said(model.panes(20, b=2.0)) == [("(features)", "warning", "firing")]


def test_three_features_at_once_are_one_warning_that_names_them(model: Model) -> None:
    alerts = model.panes(20, a=0.35, c=0.35, e=0.35)
    warnings = [a for a in alerts if a["severity"] == "warning"]
    assert _said(warnings) == [("(features)", "warning", "firing")]
    assert set(_names(warnings[0])) == {"a", "c", "e"}
    assert "3 of 6 features have drifted" in warnings[0]["summary"]


def test_names_that_come_later_are_in_the_state_and_in_the_resolution(model: Model) -> None:
    (fired,) = model.panes(10, a=2.0)
    assert _names(fired) == ["a"]
    assert model.panes(10, a=2.0, b=2.0) == []
    (firing,) = [a for a in model.watch.alerts() if a.firing]
    assert {s["name"] for s in firing.state.subjects} == {"a", "b"}
    resolved = [a for a in model.panes(60) if a["transition"] == "resolved"]
    assert set(_names(resolved[0])) == {"a", "b"}


def test_a_schema_change_of_a_category_is_drift_of_its_shares(model: Model) -> None:
    (alert,) = model.panes(10, reds=200)
    assert _names(alert) == ["colour"]
    assert alert["severity"] == "warning"


def test_drifted_predictions_are_an_alert_of_their_own(model: Model) -> None:
    (alert,) = model.panes(10, output=2.0)
    assert (alert["kind"], alert["subject"], alert["severity"]) == ("prediction_drift", OUTPUT, "warning")


def test_e_sr_sees_what_the_window_cannot_and_says_so(model: Model) -> None:
    """A shift of .18 standard deviations: KS distance .072, too near to the tolerance for five panes."""
    (alert,) = model.panes(60, d=0.18)
    assert alert["severity"] == "info"
    assert alert["subjects"][0]["decided_by"] == "e_sr"


def test_alerts_resolve_when_the_feature_is_back_and_the_detectors_can_fire_again(model: Model) -> None:
    model.panes(20, b=0.25)
    assert _said(model.panes(40)) == [("(features)", "info", "resolved")]
    assert not any(model.watch.drifted().values())
    assert _said(model.panes(20, b=0.25)) == [("(features)", "info", "firing")]


def test_a_drift_that_lasted_long_is_over_as_fast_as_a_short_one(model: Model) -> None:
    """Only e-SR sees it, so nothing but its fading evidence says when it ended."""
    model.panes(300, d=0.17)
    assert _said(model.panes(60)) == [("(features)", "info", "resolved")]


def test_a_quiet_model_is_cleared_by_a_window_that_grows(model: Model) -> None:
    """60 rows a pane: no window of five panes could ever prove health."""
    model.panes(20, b=1.0)
    alerts = model.panes(150, rows=60, reds=36)
    assert ("(features)", "warning", "resolved") in _said(alerts)
    assert not any(model.watch.drifted().values())


def test_a_pane_without_values_changes_nothing(model: Model) -> None:
    model.panes(20, b=0.25)
    model.panes(4)
    before = model.watch.snapshot()["evidence"]
    assert model.watch.on_pane(model._empty(1_000), model._window) == []
    assert model.watch.snapshot()["evidence"] == before
    assert model.watch.drifted()["b"] == 1


def test_while_over_dispersion_is_learned_drift_informs_and_then_warns() -> None:
    model = Model(learning_panes=30)
    assert _said(model.panes(25, b=1.0)) == [("(features)", "info", "firing")]
    assert model.watch.overdispersion()["b"] is None
    assert _said(model.panes(6, b=1.0)) == [("(features)", "warning", "firing")]
    phi = model.watch.overdispersion()["b"]
    assert phi is not None
    assert 1.0 <= phi < 2.2


def test_another_version_begins_with_what_was_learned_and_then_learns_its_own() -> None:
    traffic: dict[str, float] = {}
    first = Model(learning_panes=10, traffic=traffic)
    first.panes(9)
    assert traffic == {}
    first.panes(1)
    assert traffic == first.watch.overdispersion()
    learned = dict(traffic)
    second = Model(learning_panes=10, traffic=traffic, seed=5)
    assert _said(second.panes(9, b=1.0)) == [("(features)", "warning", "firing")]
    assert second.watch.overdispersion() == learned
    second.panes(1)
    assert traffic == second.watch.overdispersion() != learned


@pytest.mark.parametrize("panes", [3, 8, 14, 30])
def test_a_snapshot_anywhere_continues_bit_for_bit(panes: int) -> None:
    first, second = Model(learning_panes=10), Model(learning_panes=10)
    shifts = {"a": 0.35, "c": 0.35, "e": 0.35}
    for model in (first, second):
        model.panes(panes, **shifts)
    restored = FeatureWatch(first.watch.reference, first.policy)
    restored.restore(orjson.loads(orjson.dumps(first.watch.snapshot())))
    first.watch = restored
    assert first.panes(30, **shifts) == second.panes(30, **shifts)
    assert first.panes(60) == second.panes(60)
    assert first.watch.snapshot() == second.watch.snapshot()


def test_other_tolerances_start_the_evidence_afresh(model: Model) -> None:
    model.panes(20, b=0.25)
    other = FeatureWatch(model.watch.reference, ModelPolicy(tolerances=Tolerances(feature_ks=0.2)))
    other.restore(model.watch.snapshot())
    assert [a.firing for a in other.alerts()] == [a.firing for a in model.watch.alerts()]


def test_another_reference_withdraws_what_was_firing(model: Model) -> None:
    model.panes(20, b=0.25)
    withdrawn = model.watch.withdraw(PaneKey(500_000, 10_000, "m", "1", ""))
    assert _said(withdrawn) == [("(features)", "info", "resolved")]
    assert "no longer in force" in withdrawn[0]["summary"]
    assert not any(alert.firing for alert in model.watch.alerts())
