"""Versions without a reference: one is learned from their first predictions, the same in every replay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson
import pytest

from tiltmeter.backtest.replay import Replay
from tiltmeter.backtest.source_log import SourceLog
from tiltmeter.core.join.decision import PREDICTIONS
from tiltmeter.core.panes.feature_counts import OK, FeatureCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.performance.first_labels import FirstLabels
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature
from tiltmeter.core.reference_building.learner import Learner
from tiltmeter.core.watch.performance_watch import PerformanceWatch
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.events.columns import LogRecord

POLICY = JoinPolicy(
    delay_ms=1_000, default=ModelPolicy(pane_ms=1_000, windows={"short": 10}, from_first=2_000)
)


def _stream(n: int, shift_from: int) -> list[LogRecord]:
    random = np.random.default_rng(5)
    records = []
    for i in range(n):
        x = float(random.lognormal(3, 0.5)) * (2.0 if i >= shift_from else 1.0)
        event = {
            "prediction_id": str(i),
            "model": "m",
            "version": "1",
            "at": 1_700_000_000_000 + i * 5,
            "features": {"x": x, "plan": "abc"[int(random.integers(3))], "gone": None},
            "prediction": int(x > 20),
        }
        records.append(LogRecord(i, -1, None, orjson.dumps(event)))
    return records


def _replay(
    records: Sequence[LogRecord], cut: int, partitions: int = 1
) -> tuple[VersionWatch, list[dict[str, object]]]:
    parts = [list(records[p::partitions]) for p in range(partitions)]
    logs = [
        SourceLog(p, PREDICTIONS, len(part), iter([part[i : i + cut] for i in range(0, len(part), cut)]))
        for p, part in enumerate(parts)
    ]
    replay = Replay(logs, POLICY, ReferenceBook())
    alerts = [value for kind, value in replay.run() if kind == "alert"]
    return replay.watchers["m"].versions[("1", "")], alerts


@pytest.fixture(scope="module")
def records() -> list[LogRecord]:
    return _stream(60_000, shift_from=40_000)


def test_a_reference_is_learned_from_the_first_predictions_and_drift_is_seen_against_it(
    records: list[LogRecord],
) -> None:
    watch, alerts = _replay(records, 1_000)
    assert watch.learned is not None
    assert 2_000 <= watch.learned.rows <= 2_200
    x, plan = watch.learned.features["x"], watch.learned.features["plan"]
    assert isinstance(x, NumericFeature)
    assert isinstance(plan, CategoricalFeature)
    assert set(plan.categories) == {"a", "b", "c"}
    assert watch.features is not None
    assert watch.features.reference.reference_id == watch.learned.reference_id
    assert {alert["subject"] for alert in alerts} <= {"(features)", "(prediction)"}
    assert "x" in {subject["name"] for alert in alerts for subject in alert.get("subjects", ())}


@pytest.mark.parametrize(("cut", "partitions"), [(1, 1), (777, 1), (500, 4)])
def test_what_is_learned_does_not_depend_on_batches_or_partitions(
    records: list[LogRecord], cut: int, partitions: int
) -> None:
    head = records[:16_000]
    expected, _ = _replay(head, 4_096)
    watch, _ = _replay(head, cut, partitions)
    assert watch.learned is not None
    assert expected.learned is not None
    assert watch.learned.to_json() == expected.learned.to_json()


def test_before_it_takes_effect_nothing_is_compared(records: list[LogRecord]) -> None:
    watch, alerts = _replay(records[:3_000], 1_000)
    assert watch.learned is not None
    assert watch.features is None
    assert alerts == []


def test_learning_survives_a_restart(records: list[LogRecord]) -> None:
    watch, _ = _replay(records[:1_500], 500)
    assert watch.learner is not None
    again = VersionWatch(watch.total.key._replace(model="m", version="1"), POLICY.default, ReferenceBook())
    again.restore(orjson.loads(orjson.dumps(watch.snapshot(), option=orjson.OPT_NON_STR_KEYS)))
    assert orjson.dumps(again.snapshot()) == orjson.dumps(watch.snapshot())


def test_the_first_labels_become_the_reference_of_the_error_rate() -> None:
    watch = PerformanceWatch(ModelPolicy(pane_ms=1_000, from_first=1_000))
    alerts = []
    for pane in range(200):
        wrong = 8 if pane < 100 else 40
        outcomes = Outcomes(n=100, confusion={("1", "1"): 100 - wrong, ("1", "0"): wrong})
        alerts += watch.on_pane(PaneKey(pane * 1_000, 1_000, "m", "1", ""), outcomes)
    assert {alert["subject"] for alert in alerts} == {"error_rate"}
    assert min(alert["first_at"] for alert in alerts) > 100_000
    again = PerformanceWatch(ModelPolicy(pane_ms=1_000, from_first=1_000))
    again.restore(orjson.loads(orjson.dumps(watch.snapshot())))
    assert orjson.dumps(again.snapshot()) == orjson.dumps(watch.snapshot())


def _pane(number: int, **texts: int) -> PredictionPane:
    pane = PredictionPane(PaneKey(number * 1_000, 1_000, "m", "1", ""), events=sum(texts.values()) + 1)
    counts = FeatureCounts(categories=dict(texts))
    counts.cells[OK] = sum(texts.values())
    pane.features["plan"] = counts
    return pane


def test_names_are_chosen_in_some_panes_and_counted_in_the_others() -> None:
    learner = Learner(100)
    assert learner.on_pane(_pane(0, a=30, b=9)) is None  # names
    assert learner.on_pane(_pane(1, a=19, c=5)) is None  # counts
    assert learner.on_pane(_pane(2, b=10)) is None  # counts: 25 < 40
    learned = learner.on_pane(_pane(3, d=40))  # counts: 36 < 40
    assert learned is not None
    assert learned.features["plan"] == CategoricalFeature({"a": 19, "b": 10}, other=45, missing=3)
    assert learned.rows == 40 + 25 + 11 + 41


def test_a_first_pane_that_holds_all_that_is_needed_waits_for_panes_to_count() -> None:
    learner = Learner(40)
    assert learner.on_pane(_pane(0, a=500)) is None
    assert learner.on_pane(_pane(1, a=4, b=3)) is None
    again = Learner(40)
    again.restore(orjson.loads(orjson.dumps(learner.snapshot())))
    for one in (learner, again):
        learned = one.on_pane(_pane(2, a=2))
        assert learned is not None
        assert learned.features["plan"] == CategoricalFeature({"a": 6}, other=3, missing=2)


def test_texts_beyond_the_bound_on_names_are_other_ones_and_not_missing() -> None:
    learner = Learner(100)
    learner.on_pane(_pane(0, a=60))
    pane = _pane(1, a=20)
    pane.features["plan"].cells[OK] += 30  # of texts that the pane has not kept
    pane.events += 30
    learned = learner.on_pane(pane)
    assert learned is not None
    assert learned.features["plan"] == CategoricalFeature({"a": 20}, other=30, missing=1)


def test_first_labels_are_named_by_some_panes_and_counted_in_the_others() -> None:
    labels = FirstLabels(100)
    assert labels.on_pane(Outcomes(n=60, confusion={("a", "a"): 50, ("a", "b"): 10})) is None  # names
    assert labels.on_pane(Outcomes(n=20, confusion={("a", "a"): 15, ("b", "c"): 5})) is None  # counts
    again = FirstLabels(100)
    again.restore(orjson.loads(orjson.dumps(labels.snapshot())))
    for one in (labels, again):
        learned = one.on_pane(Outcomes(n=20, confusion={("b", "b"): 20}))  # counts
        assert learned is not None
        assert (learned.labelled, learned.errors) == (100, 15)
        assert (learned.classes, learned.unchosen_classes) == (("a", "b", "c"), ("c",))
        assert learned.label_profile() == CategoricalFeature({"a": 15, "b": 20}, other=5, missing=0)


def test_more_first_classes_than_keep_their_name_are_counted_once_each() -> None:
    labels, learned = FirstLabels(6_000), None
    for pane in range(30):
        classes = [f"c{i:03}" for i in range(pane % 7, 200)]
        learned = learned or labels.on_pane(Outcomes(n=200, confusion={(c, c): 2 for c in classes}))
    assert learned is not None
    assert len(learned.classes) == 100
    assert sum(learned.class_counts) + learned.other_classes < learned.labelled
    assert all(n > 0 for n in learned.class_counts)
