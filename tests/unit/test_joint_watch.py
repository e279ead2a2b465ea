"""What is said when features no longer go together as in the reference, or rows lie beyond it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.counting.fill_joint import JointRows
from tiltmeter.core.panes.feature_counts import OK, FeatureCounts
from tiltmeter.core.panes.histogram import counts_and_scores
from tiltmeter.core.panes.joint_counts import JointCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.profile import NumericFeature, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.joint_watch import CORRELATIONS, OUTLIERS, JointWatch

FEATURES, ROWS = 8, 2_000
NAMES = [f"x{j}" for j in range(FEATURES)]
#: Two groups of four features: within a group every pair has correlation .5, between groups none has.
GROUPS = np.arange(FEATURES) // 4
POLICY = ModelPolicy(windows={"short": 5})


def rows_of(rng: np.random.Generator, rows: int) -> np.ndarray:
    common = rng.normal(size=(rows, 2))[:, GROUPS]
    return (common + rng.normal(size=(rows, FEATURES))) * math.sqrt(0.5)


@cache
def reference() -> ReferenceProfile:
    sample = rows_of(np.random.default_rng(99), 100_000)
    return build_reference(dict(zip(NAMES, sample.T, strict=True)), model="m", version="1")


class Model:
    """Feeds panes of correlated normal features, changed by ``spoil``, into a watch."""

    def __init__(self, policy: ModelPolicy = POLICY, seed: int = 1) -> None:
        self.random = np.random.default_rng(seed)
        self.reference = reference()
        self.watch = JointWatch(self.reference, policy)
        self.policy = policy
        key = PaneKey(0, 10_000, "m", "1", "")
        self.window: Window[PredictionPane] = Window(
            5, 10_000, lambda: PredictionPane(key, self.reference.reference_id)
        )
        self._number = 0

    def pane(self, rows: np.ndarray) -> PredictionPane:
        joint = self.reference.joint
        assert joint is not None
        key = PaneKey(self._number * 10_000, 10_000, "m", "1", "")
        self._number += 1
        pane = PredictionPane(key, self.reference.reference_id, events=len(rows))
        found = JointRows(joint, len(rows))
        for name, values, table in zip(NAMES, rows.T, joint.scores, strict=True):
            profile = self.reference.features[name]
            assert isinstance(profile, NumericFeature)
            counts, scores = counts_and_scores(profile.edges, values, table)
            found.put(name, values, scores, None)
            pane.features[name] = FeatureCounts(bins=counts)
            pane.features[name].cells[OK] = len(rows)
        pane.joint = found.counts()
        return pane

    def panes(self, count: int, spoil: Any = None, rows: int = ROWS) -> list[dict[str, Any]]:
        alerts = []
        for _ in range(count):
            sample = rows_of(self.random, rows)
            pane = self.pane(sample if spoil is None else spoil(sample, self.random))
            self.window.add(pane.key.start_ms, pane)
            alerts += self.watch.on_pane(pane, self.window)
        return alerts


def copied(model: Model, copies: int, panes: int, phi: float) -> list[dict[str, Any]]:
    """Panes in which every row comes ``copies`` times, as retries and batch jobs send them."""
    alerts = []
    for _ in range(panes):
        pane = model.pane(np.repeat(rows_of(model.random, ROWS // copies), copies, axis=0))
        model.window.add(pane.key.start_ms, pane)
        alerts += model.watch.on_pane(pane, model.window, phi)
    return alerts


def flipped(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows[:, 3] *= -1
    return rows


def decoupled(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows[:, 3] = rng.permutation(rows[:, 3])
    return rows


def half_decoupled(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows[:, 3] = rows[:, 3] * 0.95 + rng.permutation(rows[:, 3]) * math.sqrt(1 - 0.95**2)
    return rows


def shifted(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows[:, :2] += 0.7
    return rows


def far_out(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows[rng.random(len(rows)) < 0.04, 5] = 1e6
    return rows


def said(alerts: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(a["kind"], a["severity"], a["transition"]) for a in alerts]


def test_without_change_nothing_is_said() -> None:
    model = Model()
    assert model.panes(60) == []
    drift = model.watch.drift(model.window.total)
    assert drift.rows == 5 * ROWS
    assert drift.change < 0.05
    assert drift.reconstruction == pytest.approx(1, abs=0.03)
    assert drift.outlier_ratio < 0.004


def test_rows_that_come_in_copies_are_no_evidence_once_their_overdispersion_is_known() -> None:
    assert {kind for kind, *_ in said(copied(Model(), 50, 100, phi=1.0))} == {"joint_drift", "outliers"}
    assert copied(Model(), 50, 300, phi=50.0) == []


@pytest.mark.parametrize("spoil", [flipped, decoupled])
def test_a_feature_that_no_longer_goes_with_its_group_is_named_though_its_histogram_is_the_same(
    spoil: Any,
) -> None:
    model = Model()
    model.panes(10)
    alerts = model.panes(12, spoil)
    assert said(alerts) == [("joint_drift", "info", "firing")]
    assert "x3" in alerts[0]["summary"]
    assert alerts[0]["evidence"]["before"] == pytest.approx(0.5, abs=0.02)
    drift = model.watch.drift(model.window.total)
    assert "x3" in drift.pair
    assert drift.change == pytest.approx(1.0 if spoil is flipped else 0.5, abs=0.06)
    assert drift.reconstruction > 1.1


def test_a_change_within_the_tolerance_is_not_an_alarm() -> None:
    """Correlations of x3 fall by .025 and its reconstruction hardly changes."""
    assert Model().panes(60, half_decoupled) == []


def test_drift_of_two_margins_is_not_joint_drift() -> None:
    """Both means rise by .7: the mean product by about a half, the correlation hardly."""
    model, most = Model(), 0.0
    for _ in range(60):
        assert model.panes(1, shifted, rows=200) == []
        most = max(most, model.watch.evidence()[CORRELATIONS].ratio)
    assert most > 0.5  # the evidence is there, the second condition is not
    assert model.watch.evidence()[CORRELATIONS].ratio < 1


def test_evidence_that_was_held_back_does_not_alarm_when_all_is_well_again() -> None:
    """Margins move for a while, and with them the mean products; then everything is as in the reference."""
    model = Model()
    model.panes(100, shifted, rows=20)
    assert model.panes(300, rows=20) == []


def test_few_rows_a_pane_and_copies_are_enough_if_they_go_on() -> None:
    """100 rows a pane, each counting a fiftieth: no short window could tell, one that grows can."""
    model = Model()
    alerts = []
    for _ in range(1_500):
        pane = model.pane(flipped(rows_of(model.random, 100), model.random))
        model.window.add(pane.key.start_ms, pane)
        alerts += model.watch.on_pane(pane, model.window, 50.0)
    assert said(alerts) == [("joint_drift", "info", "firing")]


def test_outliers_do_not_warn_before_their_overdispersion_is_known() -> None:
    model = Model()
    for known, expected in ((False, []), (True, [("outliers", "warning", "firing")])):
        alerts = []
        for _ in range(20):
            pane = model.pane(far_out(rows_of(model.random, ROWS), model.random))
            model.window.add(pane.key.start_ms, pane)
            alerts += model.watch.on_pane(pane, model.window, 1.0, known)
        assert said(alerts) == expected


def test_what_was_found_before_joint_was_switched_off_is_forgotten() -> None:
    model = Model()
    assert said(model.panes(10, far_out)) == [("outliers", "warning", "firing")]
    off = replace(POLICY, joint=False)
    model.watch._policy = off
    assert said(model.panes(5)) == [("outliers", "warning", "resolved")]
    model.watch._policy = POLICY
    assert model.panes(10) == []


def test_rows_beyond_the_reference_warn() -> None:
    model = Model()
    model.panes(5)
    alerts = model.panes(10, far_out)
    assert ("outliers", "warning", "firing") in said(alerts)
    assert model.watch.drift(model.window.total).outlier_ratio == pytest.approx(0.041, abs=0.01)


@pytest.mark.parametrize(("spoil", "name"), [(flipped, CORRELATIONS), (far_out, OUTLIERS)])
def test_alerts_resolve_when_all_is_well_again_and_can_fire_again(spoil: Any, name: str) -> None:
    model = Model()

    def told(alerts: list[dict[str, Any]]) -> list[str]:
        return [alert["transition"] for alert in alerts if alert["subject"] == name]

    assert told(model.panes(12, spoil)) == ["firing"]
    assert told(model.panes(40)) == ["resolved"]
    assert told(model.panes(12, spoil)) == ["firing"]
    states = {alert.names: alert.firing for alert in model.watch.alerts()}
    assert set(states) == {("joint_drift", CORRELATIONS, "info"), ("outliers", OUTLIERS, "warning")}
    ended = model.watch.withdraw(PaneKey(10**6, 10_000, "m", "1", ""))
    assert told(ended) == ["resolved"]
    assert "no longer in force" in ended[0]["summary"]


def test_few_rows_and_none_are_pooled_and_leave_no_trace() -> None:
    model = Model()
    assert model.panes(40, rows=1) == []
    before = model.watch.snapshot()
    empty = model.pane(rows_of(model.random, 0))
    assert model.watch.on_pane(empty, model.window) == []
    empty.joint = None
    assert model.watch.on_pane(empty, model.window) == []
    assert model.watch.snapshot() == before
    nothing = PredictionPane(empty.key, empty.reference_id)
    assert model.watch.drift(nothing).rows == 0
    assert math.isnan(model.watch.drift(nothing).change)


def test_a_restored_watch_goes_on_bit_for_bit() -> None:
    whole, first = Model(), Model()
    panes = [whole.pane(rows_of(whole.random, 300)) for _ in range(3)]
    panes += [whole.pane(flipped(rows_of(whole.random, 700), whole.random)) for _ in range(12)]
    alerts: list[list[dict[str, Any]]] = [[], []]
    second = JointWatch(first.reference, first.policy)
    for i, pane in enumerate(panes):
        whole.window.add(pane.key.start_ms, pane)
        alerts[0] += whole.watch.on_pane(pane, whole.window)
        if i == 8:
            second.restore(orjson.loads(orjson.dumps(first.watch.snapshot())))
            first.watch = second
        alerts[1] += first.watch.on_pane(pane, whole.window)
    assert alerts[0] == alerts[1]
    assert [a["transition"] for a in alerts[0]] == ["firing"]
    assert first.watch.snapshot() == whole.watch.snapshot()


def test_with_another_tolerance_evidence_starts_over_but_alerts_stay() -> None:
    model = Model()
    model.panes(12, flipped)
    stricter = JointWatch(
        model.reference, ModelPolicy(windows={"short": 5}, tolerances=Tolerances(correlation=0.2))
    )
    stricter.restore(orjson.loads(orjson.dumps(model.watch.snapshot())))
    assert stricter._moments.evidence().log_evidence == -math.inf
    assert [a.firing for a in stricter.alerts()] == [True, False]


def test_what_fires_ends_when_the_policy_no_longer_asks() -> None:
    model = Model()
    model.panes(12, flipped)
    off = JointWatch(model.reference, replace(POLICY, joint=False))
    off.restore(orjson.loads(orjson.dumps(model.watch.snapshot())))
    model.watch = off
    ended = model.panes(3, flipped)
    assert said(ended) == [("joint_drift", "info", "resolved")]
    assert "joint is off" in ended[0]["summary"]


def test_a_reference_without_a_joint_profile_is_refused() -> None:
    plain = build_reference({"x": np.arange(500.0)}, model="m", version="1")
    with pytest.raises(ValueError, match="no joint profile"):
        JointWatch(plain, POLICY)
    assert JointCounts.empty(2).rows == 0
