"""What feature drift says: one feature informs, a large one warns, several at once warn together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tiltmeter.core.feature_watch import FeatureWatch
from tiltmeter.core.histogram import bin_counts
from tiltmeter.core.panes.feature_counts import OK, FeatureCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference import NumericFeature
from tiltmeter.core.reference_builder import build_reference
from tiltmeter.core.windows import Window

NAMES = tuple("abcde")
ROWS = 2_000


class Model:
    """Feeds panes of five standard normal features, some of them shifted, into a watch."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(11)
        reference = build_reference(
            {name: self._random.normal(size=100_000) for name in NAMES}, model="m", version="1"
        )
        policy = ModelPolicy(windows={"short": 5})
        self.watch = FeatureWatch(reference, policy)
        self._empty = PredictionPane(PaneKey(0, 10_000, "m", "1", ""), reference.reference_id)
        self._window: Window[PredictionPane] = Window(5, 10_000, self._new)
        self._number = 0

    def _new(self) -> PredictionPane:
        return PredictionPane(self._empty.key, self._empty.reference_id)

    def panes(self, count: int, **shifts: float) -> list[dict[str, Any]]:
        alerts = []
        for _ in range(count):
            key = PaneKey(self._number * 10_000, 10_000, "m", "1", "")
            pane = PredictionPane(key, self._empty.reference_id, events=ROWS)
            for name in NAMES:
                profile = self.watch.reference.features[name]
                assert isinstance(profile, NumericFeature)
                values = self._random.normal(shifts.get(name, 0.0), 1.0, ROWS)
                counts = FeatureCounts(bins=bin_counts(profile.edges, values))
                counts.cells[OK] = ROWS
                pane.features[name] = counts
            self._window.add(key.start_ms, pane)
            alerts += self.watch.on_pane(pane, self._window)
            self._number += 1
        return alerts


def _said(alerts: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(a["subject"], a["severity"], a["transition"]) for a in alerts]


@pytest.fixture
def model() -> Model:
    return Model()


def test_without_drift_nothing_is_said(model: Model) -> None:
    assert model.panes(100) == []


def test_a_drift_within_tolerance_is_not_an_alarm(model: Model) -> None:
    """KS distance .04 for a shift of .1 standard deviations; tolerated is .05."""
    assert model.panes(100, b=0.1) == []


def test_one_feature_informs_and_a_large_drift_warns(model: Model) -> None:
    assert _said(model.panes(20, b=0.25)) == [("b", "info", "firing")]
    assert ("b", "warning", "firing") in _said(model.panes(20, b=1.0))


def test_three_features_at_once_warn_together_and_are_named(model: Model) -> None:
    alerts = model.panes(20, a=0.35, c=0.35, e=0.35)
    together = [a for a in alerts if a["subject"] == "(features)"]
    assert _said(together) == [("(features)", "warning", "firing")]
    assert "a, c, e" in together[0]["summary"]


def test_alerts_resolve_when_the_feature_is_back_and_the_detector_can_fire_again(model: Model) -> None:
    model.panes(20, b=0.25)
    assert _said(model.panes(40)) == [("b", "info", "resolved")]
    assert _said(model.panes(20, b=0.25)) == [("b", "info", "firing")]


def test_a_snapshot_in_the_middle_of_an_alert_continues_it(model: Model) -> None:
    model.panes(20, a=0.35, c=0.35, e=0.35)
    other = FeatureWatch(model.watch.reference, ModelPolicy(windows={"short": 5}))
    other.restore(model.watch.snapshot())
    assert [a.firing for a in other.alerts()] == [a.firing for a in model.watch.alerts()]
    assert other.snapshot() == model.watch.snapshot()


def test_another_reference_withdraws_what_was_firing(model: Model) -> None:
    model.panes(20, b=0.25)
    withdrawn = model.watch.withdraw(PaneKey(500_000, 10_000, "m", "1", ""))
    assert _said(withdrawn) == [("b", "info", "resolved")]
    assert "no longer in force" in withdrawn[0]["summary"]
    assert not any(alert.firing for alert in model.watch.alerts())
