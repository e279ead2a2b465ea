"""Predictions per class and scores by answer: counted, bounded, merged."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.counting.fill_answers import count_answers
from tiltmeter.core.panes.answers import MOST_CLASSES, OTHER_CLASSES, Answers
from tiltmeter.core.panes.score_counts import EDGES
from tiltmeter.events.columns import LogRecord, PredictionColumns
from tiltmeter.events.decode import decode_predictions


def columns(answered: list[Any], scores: list[Any] | None = None) -> PredictionColumns:
    events = [
        {"prediction_id": str(i), "model": "m", "at": 0, "prediction": answer, "score": score}
        for i, (answer, score) in enumerate(zip(answered, scores or [None] * len(answered), strict=True))
    ]
    decoded, rejected = decode_predictions(
        [LogRecord(i, -1, None, orjson.dumps(e)) for i, e in enumerate(events)]
    )
    assert not rejected
    return decoded


def counted(answered: list[Any], scores: list[Any] | None = None, task: str = "auto") -> Answers:
    decoded = columns(answered, scores)
    return count_answers(decoded, np.arange(len(decoded)), task)


def wire(answers: Answers) -> bytes:
    return orjson.dumps(answers.to_wire(), option=orjson.OPT_SORT_KEYS)


def test_answers_are_counted_by_class_whatever_their_spelling() -> None:
    assert counted([0, 1, "1", True, 1.0, False, "cat"], task="classification").classes == {
        "0": 2,
        "1": 4,
        "cat": 1,
    }


def test_by_the_event_a_fraction_is_a_number_and_a_regression_has_no_classes() -> None:
    assert counted([0, 1, 0.5, 2.0]).classes == {"0": 1, "1": 1}
    assert not counted([0, 1, 2.0], task="regression")
    assert not counted([])


@pytest.mark.parametrize("answered", [[0], [1], [0, 1, 1], ["a"], ["a", 1], ["a", 0, 0, 1]], ids=str)
def test_the_short_way_of_a_binary_classifier_counts_what_counting_counts(answered: list[Any]) -> None:
    assert counted(answered).classes == {str(name): n for name, n in Counter(map(str, answered)).items()}


def test_scores_fall_into_bins_by_what_was_answered() -> None:
    found = counted([0, 0, 1, 1, 1, "x"], [0.25, 0.0, 1.0, 0.5, None, 0.5])
    assert found.scores is not None
    zeros, sums0, ones, sums1 = found.scores
    assert {int(b): int(zeros[b]) for b in np.flatnonzero(zeros)} == {
        0: 1,
        int(np.searchsorted(EDGES, 0.25)): 1,
    }
    assert {int(b): int(ones[b]) for b in np.flatnonzero(ones)} == {127: 1, 255: 1}
    assert (sums0.sum(), sums1.sum()) == (2**18, 2**20 + 2**19)


def test_a_score_outside_of_0_and_1_is_no_probability() -> None:
    assert counted([0, 1, 1], [-0.1, 1.1, -7]).scores is None


@pytest.mark.parametrize("seed", range(5))
def test_beyond_twenty_classes_the_order_of_merging_does_not_show(seed: int) -> None:
    rng = random.Random(seed)
    parts = [
        Answers({f"c{i}": rng.randint(1, 9) for i in rng.sample(range(60), rng.randint(1, 30))})
        for _ in range(6)
    ]
    truth: Counter[str] = Counter()
    for part in parts:
        truth.update(part.classes)
    sums = []
    for _ in range(4):
        rng.shuffle(parts)
        total, half = Answers(), Answers()
        for part in parts[:3]:
            total.add(part)
        for part in parts[3:]:
            half.add(part)
        total.add(half)
        sums.append(total)
    assert len({wire(total) for total in sums}) == 1
    found = sums[0].classes
    assert len(found) == MOST_CLASSES + 1
    assert sum(found.values()) == truth.total()
    assert all(found[name] == truth[name] for name in found if name != OTHER_CLASSES)


def test_the_wire_keeps_everything() -> None:
    rng = np.random.default_rng(0)
    found = counted(rng.integers(0, 2, 500).tolist(), rng.random(500).tolist())
    again = Answers.from_wire(orjson.loads(wire(found)))
    assert wire(again) == wire(found)
    assert again.scores is not None
    assert found.scores is not None
    assert (again.scores == found.scores).all()
    total = sum(found.scores[1]) + sum(found.scores[3])
    assert math.isclose(total / 2**20, sum(rng_scores(0)), abs_tol=500 * 2**-20)


def rng_scores(seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    rng.integers(0, 2, 500)
    return rng.random(500).tolist()
