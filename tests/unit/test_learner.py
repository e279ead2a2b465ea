"""Versions without a reference: one is learned from their first predictions, the same in every replay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson
import pytest

from tiltmeter.backtest.replay import Replay
from tiltmeter.backtest.source_log import SourceLog
from tiltmeter.core.join.decision import PREDICTIONS
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature
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
