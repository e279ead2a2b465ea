"""Losses beside the error rate: what each of them sees that the others do not, and that one cause is one alert."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.counting.fill_outcomes import add_classified, add_measured
from tiltmeter.core.join.rows import PREDICTION
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.core.performance.losses import CLASSIFICATION
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.verdicts.budget import Budget
from tiltmeter.core.watch.loss_bank import LossBank
from tiltmeter.core.watch.performance_watch import PerformanceWatch
from tiltmeter.events.alert import Alert

LABELS = 400
POLICY = ModelPolicy(tolerances=Tolerances(learning_panes=0))
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray, np.ndarray]]


def served(sharper: float = 1.0, shift: float = 0.0, flipped: float = 0.0) -> Draw:
    """(said, score, label) of a calibrated model that says 1 above .5, or of one that has gone wrong."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        logit = rng.normal(0, 2, n)
        label = rng.random(n) < 1 / (1 + np.exp(-logit))
        label ^= rng.random(n) < flipped
        score = np.clip(1 / (1 + np.exp(-sharper * logit)) + shift, 0, 1)
        return logit > 0, score, label

    return draw


def classified(rng: np.random.Generator, draw: Draw) -> Outcomes:
    said, score, label = draw(rng, LABELS)
    rows = np.zeros(LABELS, dtype=PREDICTION)
    rows["label"], rows["score"] = np.where(said, b"1", b"0"), score
    made = Outcomes(LABELS, LABELS)
    add_classified(made, rows, np.where(label, b"1", b"0"), np.ones(LABELS, dtype=bool), None)
    return made


def reference_of(draw: Draw | None = None) -> Performance:
    said, score, label = (draw or served())(np.random.default_rng(99), 50_000)
    profile = build_reference(
        {}, model="m", version="1", predictions=said.astype(int), labels=label.astype(int), scores=score
    )
    assert profile.performance is not None
    return profile.performance


def regression_reference() -> Performance:
    rng = np.random.default_rng(98)
    actual = rng.normal(size=20_000)
    profile = build_reference(
        {}, model="m", version="1", predictions=actual + rng.normal(0, 0.5, 20_000), labels=actual
    )
    assert profile.performance is not None
    return profile.performance


def measured(rng: np.random.Generator, reference: Performance, bias: float, spread: float = 0.5) -> Outcomes:
    actual = rng.normal(size=LABELS)
    rows = np.zeros(LABELS, dtype=PREDICTION)
    rows["value"] = actual + rng.normal(bias, spread, LABELS)
    made = Outcomes(LABELS, LABELS)
    add_measured(made, rows, actual, np.ones(LABELS, dtype=bool), reference, loss_scale=1.0)
    return made


def alerts_of(watch: PerformanceWatch, panes: list[Outcomes], first: int = 0) -> list[dict[str, Any]]:
    return [
        alert
        for number, outcomes in enumerate(panes, first)
        for alert in watch.on_pane(PaneKey(number * 10_000, 10_000, "m", "1", ""), outcomes)
        if alert["kind"] == "performance"
    ]


def watching(reference: Performance) -> PerformanceWatch:
    watch = PerformanceWatch(POLICY)
    watch.compare_with(reference)
    return watch


def panes(draw: Draw, number: int, seed: int = 0) -> list[Outcomes]:
    rng = np.random.default_rng(seed)
    return [classified(rng, draw) for _ in range(number)]


def test_nothing_alarms_while_the_model_is_as_it_was() -> None:
    assert alerts_of(watching(reference_of()), panes(served(), 300)) == []


def test_overconfident_scores_alarm_although_no_answer_has_changed() -> None:
    """Logits three times as large: the same classes, no bias, but a larger log loss and Brier score."""
    watch = watching(reference_of())
    alerts = alerts_of(watch, panes(served(), 20) + panes(served(sharper=3.0), 60, seed=1))
    assert [(alert["severity"], alert["transition"]) for alert in alerts] == [("warning", "firing")]
    assert alerts[0]["subject"] in {"log_loss", "brier_score"}
    errors = CLASSIFICATION["error_rate"].of_outcomes(panes(served(sharper=3.0), 1, seed=1)[0])
    assert errors == CLASSIFICATION["error_rate"].of_outcomes(panes(served(), 1, seed=1)[0])


@pytest.mark.parametrize(("shift", "state"), [(0.1, "above"), (-0.1, "below")])
def test_a_score_that_promises_too_much_or_too_little_is_a_calibration_alert(
    shift: float, state: str
) -> None:
    watch = watching(reference_of())
    alerts = alerts_of(watch, panes(served(), 20) + panes(served(shift=shift), 100, seed=2))
    warning = next(alert for alert in alerts if alert["severity"] == "warning")
    assert warning["subject"] == "calibration"
    assert {(s["name"], s["state"]) for s in warning["subjects"]} == {("calibration", state)}
    assert math.copysign(1, warning["evidence"]["allowed"]) == math.copysign(1, shift)
    assert abs(warning["evidence"]["pane_mean"]) > abs(warning["evidence"]["allowed"]) > 0.02
    assert Alert.model_validate(warning).subjects is not None


def test_one_cause_is_one_alert_per_severity_and_names_all_that_exceed() -> None:
    """pane     0 ───── 20 ────────────── 60 ────────▶
    labels     right     every third is flipped  right
    alerts                ▲ two, and no more      ▼ both resolve"""
    watch = watching(reference_of())
    stream = panes(served(), 20) + panes(served(flipped=0.33), 40, seed=3) + panes(served(), 60, seed=4)
    alerts = alerts_of(watch, stream)
    assert [(a["severity"], a["transition"]) for a in alerts if a["transition"] == "firing"] == [
        ("warning", "firing"),
        ("critical", "firing"),
    ]
    assert sorted((a["severity"], a["transition"]) for a in alerts if a["transition"] == "resolved") == [
        ("critical", "resolved"),
        ("warning", "resolved"),
    ]
    assert len({a["fingerprint"] for a in alerts}) == 2
    last = alerts[-1]
    assert {s["name"] for s in last["subjects"]} >= {"error_rate", "log_loss", "brier_score"}
    active = [names for names, firing, _ in watch.alerts() if firing]
    assert active == []


def test_while_it_fires_exactly_one_subject_of_a_severity_is_active() -> None:
    watch = watching(reference_of())
    alerts_of(watch, panes(served(flipped=0.33), 60))
    names = [alert.names for alert in watch.alerts() if alert.names[0] == "performance"]
    firing = [a.names for a in watch.alerts() if a.firing and a.names[0] == "performance"]
    assert {subject for _, subject, _ in names} == {"error_rate", "log_loss", "brier_score", "calibration"}
    assert sorted(severity for *_, severity in firing) == ["critical", "warning"]
    assert sum(a.state.fired for a in watch.alerts() if a.names[0] == "performance") == 2


def test_an_improvement_never_pages_also_not_when_a_bias_goes_away() -> None:
    """The reference was biased by .1 on either side and overconfident; the model is now as good as it can be."""
    for shift in (0.1, -0.1):
        watch = watching(reference_of(served(sharper=2.0, shift=shift)))
        assert alerts_of(watch, panes(served(), 300)) == []


def test_a_bias_to_the_other_side_is_found() -> None:
    watch = watching(reference_of(served(shift=0.1)))
    alerts = alerts_of(watch, panes(served(shift=-0.08), 200))
    assert {(s["name"], s["state"]) for a in alerts for s in a["subjects"]} == {("calibration", "below")}


@pytest.mark.parametrize(("bias", "state"), [(0.5, "above"), (-0.5, "below"), (0.0, None)])
def test_the_bias_of_a_regression_is_watched_on_both_sides(bias: float, state: str | None) -> None:
    """As a share of the cap it is .14; |error| grows by .05 of the cap, which is tolerated."""
    rng, reference = np.random.default_rng(5), regression_reference()
    watch = watching(reference)
    quiet = [measured(rng, reference, 0.0) for _ in range(30)]
    alerts = alerts_of(watch, quiet + [measured(rng, reference, bias) for _ in range(80)])
    if state is None:
        assert alerts == []
        return
    warning = next(alert for alert in alerts if alert["severity"] == "warning")
    assert (warning["subject"], warning["subjects"][0]["state"]) == ("bias", state)
    assert warning["evidence"]["allowed"] == pytest.approx(math.copysign(0.05 * reference.cap, bias), rel=0.2)


def test_a_reference_without_scores_watches_the_error_rate_with_the_whole_share() -> None:
    alone = LossBank(Performance("classification", labelled=1_000, errors=50), ModelPolicy(), "warning")
    part = Budget.of(ModelPolicy()).part("performance", "e_sr")
    assert alone.subjects() == ["error_rate"]
    assert alone.evidence("error_rate").log_threshold == pytest.approx(part.log_threshold)


def test_all_losses_together_keep_the_share_of_the_family() -> None:
    for reference in (reference_of(), regression_reference()):
        for severity in ("warning", "critical"):
            bank = LossBank(reference, ModelPolicy(), severity)
            rates = [math.exp(-bank.evidence(name).log_threshold) for name in bank.names()]
            assert len(rates) == (3 if reference.task == "regression" else 5)
            part = Budget.of(ModelPolicy()).part("performance", "e_sr", severity)
            assert sum(rates) == pytest.approx(1 / part.arl_panes)


def test_panes_of_before_scores_were_counted_by_label_say_nothing_about_scores() -> None:
    (old,) = panes(served(), 1)
    old.scores = ScoreCounts()
    assert {name: s.of_outcomes(old).n for name, s in CLASSIFICATION.items()} == {
        "error_rate": LABELS, "log_loss": 0, "brier_score": 0, "calibration_above": 0, "calibration_below": 0,
    }  # fmt: skip


def test_nothing_warns_until_the_over_dispersion_of_its_loss_is_known() -> None:
    watch = PerformanceWatch(ModelPolicy(tolerances=Tolerances(learning_panes=30)))
    watch.compare_with(reference_of())
    assert alerts_of(watch, panes(served(flipped=0.33), 30)) == []
    assert {alert["severity"] for alert in alerts_of(watch, panes(served(flipped=0.33), 30), 30)} == {
        "warning", "critical",
    }  # fmt: skip


def test_a_restart_continues_bit_for_bit() -> None:
    stream = panes(served(), 15) + panes(served(flipped=0.3), 20, seed=6) + panes(served(), 40, seed=7)
    through, reference = watching(reference_of()), reference_of()
    expected = alerts_of(through, stream)
    assert {a["transition"] for a in expected} == {"firing", "resolved"}
    for stop in (10, 20, 37, 50):
        before = watching(reference)
        told = alerts_of(before, stream[:stop])
        after = PerformanceWatch(POLICY)
        after.restore(orjson.loads(orjson.dumps(before.snapshot())))
        after.compare_with(reference)
        assert told + alerts_of(after, stream[stop:], stop) == expected
        assert orjson.dumps(after.snapshot()) == orjson.dumps(through.snapshot())


def test_the_first_labels_give_a_baseline_for_scores_too() -> None:
    watch = PerformanceWatch(replace(POLICY, from_first=4_000))
    alerts = alerts_of(watch, panes(served(), 30) + panes(served(shift=0.15), 100, seed=8))
    assert {alert["subject"] for alert in alerts} <= {"calibration", "brier_score", "log_loss"}
    assert alerts
