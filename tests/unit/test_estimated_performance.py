"""Accuracy without labels: against the formula event by event, against scikit-learn, and what it is blind to."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from tiltmeter.core.late_labels.estimated import calibration_map, expected_errors
from tiltmeter.core.late_labels.estimated_watch import EstimatedWatch
from tiltmeter.core.late_labels.late_label_watch import LateLabelWatch
from tiltmeter.core.panes.answers import Answers
from tiltmeter.core.panes.cohorts import HOUR, MINUTE
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.score_counts import EDGES
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def answers(score: Floats, said: Bools) -> Answers:
    """Event by event, in plain Python."""
    found = Answers()
    found.scores = np.zeros((4, 256), dtype=np.int64)
    for p, one in zip(score.tolist(), said.tolist(), strict=True):
        place = int(np.searchsorted(EDGES, p, side="left"))
        found.scores[2 * one, place] += 1
        found.scores[2 * one + 1, place] += round(p * 2**20)
    return found


def world(n: int, seed: int, shift: float = 0.0, flipped: float = 0.0) -> tuple[Floats, Bools, Bools]:
    """Scores of an over-confident model, its answers, and the truth; ``flipped``: labels that turned round."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(shift, 2.5, n)
    truth = rng.random(n) < 1 / (1 + np.exp(-logit))
    truth ^= rng.random(n) < flipped
    score = 1 / (1 + np.exp(-2.0 * logit))
    return score, score > 0.5, truth


def reference() -> ReferenceProfile:
    score, said, truth = world(50_000, 1)
    return build_reference(
        {"x": score.tolist()},
        model="m",
        version="1",
        predictions=said.astype(int).tolist(),
        labels=truth.astype(int).tolist(),
        scores=score.tolist(),
        joint=False,
    )


REFERENCE = reference()
assert REFERENCE.performance is not None
MAP = calibration_map(REFERENCE.performance.calibration)


def counted(score: Floats, said: Bools) -> Any:
    found = answers(score, said).scores
    assert found is not None
    return found


def test_without_a_calibration_it_is_the_mean_of_what_the_scores_say() -> None:
    score, said, _ = world(5_000, 2)
    wrong = np.where(said, 1 - score, score)
    found = expected_errors(counted(score, said), None)
    assert found.n == 5_000
    assert found.accuracy == pytest.approx(1 - wrong.mean(), abs=1e-6)
    assert found.sd == pytest.approx(np.sqrt((wrong * (1 - wrong)).sum()) / 5_000, rel=1e-3)


@pytest.mark.parametrize("shift", [0.0, -0.5, 0.5])
def test_calibrated_it_is_the_accuracy_also_where_inputs_have_shifted(shift: float) -> None:
    score, said, truth = world(20_000, 3, shift)
    scores = counted(score, said)
    realised = float((said == truth).mean())
    assert abs(expected_errors(scores, None).accuracy - realised) > 0.05  # over-confident
    found = expected_errors(scores, MAP)
    assert abs(found.accuracy - realised) < 4 * found.sd + 0.003


def test_it_is_blind_to_concept_drift() -> None:
    score, said, truth = world(20_000, 4, flipped=0.1)
    assert expected_errors(counted(score, said), MAP).accuracy - (said == truth).mean() > 0.04


@pytest.mark.parametrize("seed", range(5))
def test_the_map_is_isotonic_regression(seed: int) -> None:
    rng = random.Random(seed)
    places = sorted(rng.sample(range(256), 40))
    counts = [(b, n := rng.randint(1, 50), rng.randint(0, n)) for b in places]
    theirs = IsotonicRegression(out_of_bounds="clip").fit(
        places, [ones / n for _, n, ones in counts], sample_weight=[n for _, n, _ in counts]
    )
    found = calibration_map(counts)
    assert found is not None
    assert np.allclose(found, theirs.predict(np.arange(256)), atol=1e-12)


def test_a_reference_without_scores_has_no_map_and_keeps_its_bytes() -> None:
    plain = build_reference({"x": [1.0, 2.0]}, model="m", version="1", predictions=[0, 1], labels=[0, 1])
    assert plain.performance is not None
    assert calibration_map(plain.performance.calibration) is None
    assert b"calibration" not in plain.to_json()
    again = ReferenceProfile.from_json(REFERENCE.to_json())
    assert again.performance == REFERENCE.performance


KEY = PaneKey(0, 10_000, "m", "1", "")


def test_an_expected_loss_is_told_only_together_with_drift_and_ends_with_it() -> None:
    """Shifting towards the border makes the model expect more errors."""
    watch = EstimatedWatch(ModelPolicy())
    watch.compare_with(REFERENCE.performance)
    rng = np.random.default_rng(5)
    logit = rng.normal(0.0, 0.2, 3_000)
    bad = answers(1 / (1 + np.exp(-2 * logit)), logit > 0)
    score, said, _ = world(3_000, 6)
    good = answers(score, said)
    assert watch.on_pane(KEY, bad, drifting=False) == []
    assert watch.on_pane(KEY, good, drifting=True) == []
    (alert,) = watch.on_pane(KEY, bad, drifting=True)
    assert (alert["kind"], alert["severity"], alert["transition"]) == (
        "estimated_performance",
        "info",
        "firing",
    )
    later = [watch.on_pane(KEY._replace(start_ms=i * 10_000), good, drifting=False) for i in range(1, 6)]
    assert [a["transition"] for alerts in later for a in alerts] == ["resolved"]


def fold(flipped_from: int, hours: int = 30) -> tuple[list[dict[str, Any]], LateLabelWatch]:
    """All labels come within the minute; from the hour ``flipped_from`` on, one in ten has turned round."""
    policy = ModelPolicy(pane_ms=MINUTE, maturities=(MINUTE,))
    seen = LateLabelWatch(PaneKey(0, MINUTE, "m", "1", ""), policy, ReferenceBook([REFERENCE]))
    alerts: list[dict[str, Any]] = []
    for minute in range(hours * 6):  # a minute in ten
        start = minute * 10 * MINUTE
        score, said, truth = world(300, 1_000 + minute, flipped=0.1 * (start >= flipped_from * HOUR))
        pane = PredictionPane(PaneKey(start, MINUTE, "m", "1", ""), REFERENCE.reference_id, 300, 300)
        pane.answers = answers(score, said)
        pane.answers.classes = {"0": int((~said).sum()), "1": int(said.sum())}
        seen.on_predictions(pane)
        labels = LabelPane(pane.key)
        pairs = [(str(int(s)), str(int(t))) for s, t in zip(said.tolist(), truth.tolist(), strict=True)]
        confusion = {pair: pairs.count(pair) for pair in sorted(set(pairs))}
        labels.cells[(start, 0)] = Outcomes(300, 300, confusion)
        seen.on_labels(labels)
        alerts += seen.advance(start + 3 * MINUTE)
        assert seen.snapshot() == restored(seen, policy).snapshot()
    return alerts, seen


def restored(seen: LateLabelWatch, policy: ModelPolicy) -> LateLabelWatch:
    again = LateLabelWatch(PaneKey(0, MINUTE, "m", "1", ""), policy, ReferenceBook([REFERENCE]))
    again.restore(orjson.loads(orjson.dumps(seen.snapshot())))
    return again


def test_realised_against_expected_errors_show_concept_drift() -> None:
    alerts, _ = fold(flipped_from=20)
    assert [(a["kind"], a["severity"], a["transition"]) for a in alerts] == [
        ("concept_drift", "info", "firing")
    ]
    assert 20 * HOUR < alerts[0]["first_at"] < 27 * HOUR


def test_while_scores_mean_what_they_meant_nothing_is_said() -> None:
    alerts, seen = fold(flipped_from=1_000)
    assert alerts == []
    assert seen.gap.last[0] == 300


def test_an_expected_loss_ends_with_the_reference_it_was_told_against() -> None:
    watch = EstimatedWatch(ModelPolicy())
    watch.compare_with(REFERENCE.performance)
    logit = np.random.default_rng(5).normal(0.0, 0.2, 3_000)
    bad = answers(1 / (1 + np.exp(-2 * logit)), logit > 0)
    assert [a["transition"] for a in watch.on_pane(KEY, bad, drifting=True)] == ["firing"]
    assert [a["transition"] for a in watch.withdraw(KEY)] == ["resolved"]
    watch.compare_with(None)
    assert watch.on_pane(KEY, bad, drifting=True) == []
    assert not any(alert.firing for alert in watch.alerts())
