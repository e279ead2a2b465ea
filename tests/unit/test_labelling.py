"""Outcomes by hand: what one labelled prediction adds to the sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tiltmeter.core.join.labelling import Labelling
from tiltmeter.core.join.rows import FEEDBACK, PREDICTION
from tiltmeter.core.panes.fixed_point import ONE, real
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import Performance, ReferenceProfile
from tiltmeter.events.outcome_column import outcome_column


def outcome(
    said: Any, actual: Any, score: float = math.nan, task: str = "auto", reference: Performance | None = None
) -> Outcomes:
    prediction, label = np.zeros(1, dtype=PREDICTION), np.zeros(1, dtype=FEEDBACK)
    prediction["ok"], prediction["weight"], prediction["score"] = 1, 3, score
    for row, value in ((prediction, said), (label, actual)):
        for name, column in outcome_column([value])._asdict().items():
            row[name] = column
    policy = JoinPolicy(default=ModelPolicy(pane_ms=10, task=task, loss_scale=2.0))
    book = ReferenceBook([ReferenceProfile("m", "1", 0, 1, {}, performance=reference)] if reference else [])
    labelling = Labelling([("m", "1")], policy, book, closed_ms=-1)
    labelling.first_label(prediction, label)
    (pane,) = labelling.panes.values()
    return pane.total()


def sums(outcomes: Outcomes) -> dict[str, float]:
    names = ("brier", "log_loss", "error", "absolute_error", "squared_error", "target", "squared_target")
    return {name: real(outcomes.sum(name)) for name in names if outcomes.sum(name)}


@pytest.mark.parametrize(("said", "actual"), [(1, True), ("1", 1.0), (1, "1"), ("cat", "cat")])
def test_a_class_and_its_label_meet_however_each_was_written(said: Any, actual: Any) -> None:
    made = outcome(said, actual)
    assert (made.n, made.weight, made.classified, made.correct) == (1, 3, 1, 1)


def test_a_score_is_the_probability_of_class_one() -> None:
    right, wrong = outcome(1, 1, score=0.75), outcome(1, 0, score=0.75)
    assert sums(right) == pytest.approx({"brier": 0.0625, "log_loss": -math.log(0.75)}, abs=1 / ONE)
    assert sums(wrong) == pytest.approx({"brier": 0.5625, "log_loss": -math.log(0.25)}, abs=1 / ONE)
    assert right.sum("scored") == wrong.sum("scored") == 1


def test_a_certain_score_that_is_wrong_is_clipped_and_counted() -> None:
    made = outcome(1, 0, score=1.0)
    assert made.sum("clipped") == 1
    assert real(made.sum("log_loss")) == pytest.approx(-math.log(1e-15), abs=1 / ONE)


@pytest.mark.parametrize("score", [math.nan, -0.1, 1.1, 1e300])
def test_what_is_no_probability_is_not_scored(score: float) -> None:
    assert outcome(1, 1, score=score).sum("scored") == 0
    assert outcome("cat", "dog", score=0.5).sum("scored") == 0


def test_a_fraction_is_a_regression_where_nothing_says_otherwise() -> None:
    made = outcome(3.5, 1)
    assert made.confusion == {}
    assert sums(made) == {
        "error": 1.25, "absolute_error": 1.25, "squared_error": 1.5625, "target": 0.5, "squared_target": 0.25,
    }  # fmt: skip


def test_the_policy_outranks_the_reference_and_the_reference_the_event() -> None:
    regression = Performance("regression", labelled=1, cap=4.0, scale=1.0)
    assert outcome(3, 1, reference=regression).sum("scored") == 1
    assert outcome(3, 1, task="classification", reference=regression).confusion == {("3", "1"): 1}
    assert outcome(3.5, 1, reference=Performance("classification")).confusion == {("3.5", "1"): 1}


def test_a_loss_is_capped_and_counted_in_shares_of_the_reference_s_cap() -> None:
    regression = Performance("regression", labelled=1, cap=4.0, scale=1.0)
    near, far = outcome(3.0, 1, reference=regression), outcome(300.0, 1, reference=regression)
    assert (real(near.sum("capped_loss")), real(near.sum("squared_capped_loss"))) == (0.5, 0.25)
    assert (real(far.sum("capped_loss")), real(far.sum("squared_capped_loss"))) == (1.0, 1.0)


def test_absurd_numbers_clip_and_do_not_overflow() -> None:
    made = outcome(1.7e308, -1.7e308)
    assert made.sum("error") == made.sum("squared_error") == made.sum("squared_target") == 1 << 50
    assert made.sum("target") == -(1 << 50)


def test_a_regression_without_numbers_is_labelled_and_not_scored() -> None:
    made = outcome("cat", 1, task="regression")
    assert (made.n, made.sum("scored"), made.confusion) == (1, 0, {})
