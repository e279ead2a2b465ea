"""The parts of the late-label room one by one: maturities, baselines, delays, classes beyond the kept ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tiltmeter.core.late_labels.baseline import COHORTS, PREDICTIONS, Baseline
from tiltmeter.core.late_labels.cohort_alarm import CohortAlarm
from tiltmeter.core.late_labels.label_delay import delay_limit_ms, delay_quantile_ms
from tiltmeter.core.late_labels.late_label_watch import LateLabelWatch
from tiltmeter.core.late_labels.maturity import Maturity, age_name, maturities
from tiltmeter.core.late_labels.nowcast import development, nowcast
from tiltmeter.core.late_labels.triangle import NUMBERS, Cohort, Triangle, tally_of
from tiltmeter.core.panes.answers import MOST_CLASSES, OTHER_CLASSES
from tiltmeter.core.panes.cohorts import AGE_LIMITS_MS
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import DAY, HOUR, MINUTE, SECOND, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.verdicts.alert_state import Subject

NOTHING = (0, 0, 0)


def test_ages_are_named_as_they_are_written() -> None:
    names = "1m 5m 1h 6h 1d 3d 7d 14d 30d 60d 90d"
    assert [age_name(age) for age in AGE_LIMITS_MS] == names.split()


def test_an_age_between_the_limits_is_refused() -> None:
    with pytest.raises(ValueError, match="one of 1m, 5m"):
        maturities(ModelPolicy(maturities=(2 * HOUR,)))


@pytest.mark.parametrize(
    ("pane_ms", "cohorts_ms"),
    [
        (10 * SECOND, {"1h": MINUTE, "1d": HOUR, "7d": DAY, "30d": DAY}),
        (7 * SECOND, {"1h": 7 * MINUTE, "1d": 7 * HOUR, "7d": 7 * DAY, "30d": 7 * DAY}),
        (6 * HOUR, {"1h": 6 * HOUR, "1d": 6 * HOUR, "7d": DAY, "30d": DAY}),
        (37 * SECOND, {"1h": 37 * MINUTE, "1d": 37 * HOUR}),
    ],
    ids=["10s", "7s", "6h", "37s"],
)
def test_a_cohort_holds_whole_panes_and_whole_cells(pane_ms: int, cohorts_ms: dict[str, int]) -> None:
    found = maturities(ModelPolicy(pane_ms=pane_ms))
    assert {m.name: m.cohort_ms for m in found} == cohorts_ms
    assert all(m.cohort_ms % pane_ms == 0 for m in found)


def test_a_baseline_wants_many_cohorts_or_many_predictions() -> None:
    few = Baseline(fewest=24, min_samples=200)
    for cohort in range(COHORTS):
        assert not few.learned
        few.add(2, cohort % 2)
    assert few.learned
    assert (few.rate, few.n) == (0.25, 2 * COHORTS)
    few.add(100, 100)
    assert few.n == 2 * COHORTS  # learned once
    many = Baseline(fewest=24, min_samples=200)
    for _ in range(23):
        many.add(PREDICTIONS, 0)
    assert not many.learned
    many.add(1, 0)
    assert many.learned


def test_over_dispersion_is_chi_square_over_its_degrees_of_freedom() -> None:
    rng = np.random.default_rng(3)
    for spread, low, high in ((0.0, 1.0, 1.3), (0.05, 3.0, 7.0)):
        baseline = Baseline(24, 200)
        rates = np.clip(rng.normal(0.3, spread, 100), 0.0, 1.0)
        events = rng.binomial(400, rates)
        for n in events.tolist():
            if not baseline.learned:
                baseline.add(400, n)
        assert baseline.cohorts == 25
        part = events[:25]
        p = part.sum() / 25 / 400
        expected = float(((part - 400 * p) ** 2).sum() / (400 * p * (1 - p)) / 24)
        assert baseline.phi == pytest.approx(max(expected, 1.0))
        assert low <= baseline.phi <= high


def test_delay_quantiles_interpolate_and_never_leave_their_bucket() -> None:
    none = [0] * 12
    assert math.isnan(delay_quantile_ms(none, 0.5))
    assert delay_quantile_ms([10, *none[1:]], 0.5) == MINUTE / 2
    assert delay_quantile_ms([10, 10, *none[2:]], 0.75) == MINUTE + 0.5 * 4 * MINUTE
    assert delay_quantile_ms([*none[1:], 5], 0.9) == 90 * DAY
    assert delay_limit_ms(none, 0.5) is None
    assert delay_limit_ms([10, *none[1:]], 0.5) == MINUTE
    assert delay_limit_ms([10, 10, *none[2:]], 0.5) == MINUTE
    assert delay_limit_ms([10, 10, *none[2:]], 0.75) == 5 * MINUTE
    assert delay_limit_ms([*none[1:], 5], 0.9) is None


def test_a_regression_counts_for_coverage_only() -> None:
    sums = [0] * len(SUMS)
    sums[0] = 7
    assert tally_of(Outcomes(n=8, sums=sums)) == {NUMBERS: [7, 0]}
    assert tally_of(Outcomes()) == {}


def test_labels_are_counted_under_the_names_their_predictions_are_counted_by() -> None:
    triangle = Triangle(HOUR, 5, with_steps=True)
    names = [f"c{i}" for i in range(40)]
    for at, name in enumerate(names):
        triangle.add_predictions(at * MINUTE, 3, {name: 3}, NOTHING)
    for at, name in enumerate(names):
        triangle.add_labels(0, 1, {name: [2, 1]}, at * MINUTE)
    triangle.add_labels(0, 7, {"c1": [1, 1]}, 5 * DAY)  # older than anybody asks
    cohort = triangle.cohorts[0]
    tally = cohort.within(5)
    assert set(tally) == set(cohort.classes)
    assert len(tally) == MOST_CLASSES + 1
    assert tally[OTHER_CLASSES] == [40, 20]
    assert all(tally[name] == [2, 1] for name in cohort.classes if name != OTHER_CLASSES)
    again = Triangle(HOUR, 5, with_steps=True)
    again.restore(triangle.snapshot())
    assert again.snapshot() == triangle.snapshot()


def test_a_triangle_that_kept_less_than_is_asked_now_is_left() -> None:
    kept = Triangle(DAY, 7, with_steps=True)
    kept.add_predictions(0, 5, {"1": 5}, NOTHING)
    more, steps, less = Triangle(DAY, 9, True), Triangle(DAY, 7, True), Triangle(DAY, 5, False)
    for other in (more, steps, less):
        other.restore(kept.snapshot())
    assert (len(more.cohorts), len(steps.cohorts), len(less.cohorts)) == (0, 1, 1)
    plain = Triangle(DAY, 7, with_steps=False)
    plain.add_predictions(0, 5, {"1": 5}, NOTHING)
    again = Triangle(DAY, 7, with_steps=True)
    again.restore(plain.snapshot())
    assert not again.cohorts


def test_what_is_forgotten_does_not_come_back() -> None:
    triangle = Triangle(HOUR, 5, with_steps=False)
    triangle.add_predictions(0, 5, {"1": 5}, NOTHING)
    triangle.add_predictions(HOUR, 5, {"1": 5}, NOTHING)
    triangle.forget(HOUR)
    triangle.add_labels(0, 1, {"1": [1, 1]}, 2 * HOUR)
    assert list(triangle.cohorts) == [HOUR]


def cohort(n: int, known: dict[int, tuple[int, int]]) -> Cohort:
    """One class; step → (labelled, right)."""
    return Cohort(
        n, {"1": n}, steps={step: {"1": [labelled, right]} for step, (labelled, right) in known.items()}
    )


def test_a_kind_that_is_not_known_yet_is_what_is_left() -> None:
    """80 % are right and known at once; the wrong ones are known at step 2."""
    developed = development([cohort(1_000, {0: (800, 800), 2: (200, 0)})], last=3)
    found = nowcast({0: cohort(2_000, {0: (1_500, 1_500)})}, developed)
    assert found.accuracy == pytest.approx(0.75)
    assert found.effective == 1_500


def test_labels_that_never_come_are_not_waited_for() -> None:
    """Half of the predictions never get a label."""
    developed = development([cohort(1_000, {0: (400, 400), 2: (100, 0)})], last=3)
    found = nowcast({0: cohort(2_000, {0: (750, 750)})}, developed)
    assert found.accuracy == pytest.approx(0.75)


def test_too_few_labels_are_no_estimate() -> None:
    developed = development([cohort(1_000, {0: (800, 800), 2: (200, 0)})], last=3)
    assert math.isnan(nowcast({0: cohort(200, {0: (150, 150)})}, developed).accuracy)
    assert math.isnan(nowcast({0: cohort(2_000, {})}, {}).accuracy)


SUBJECT = Subject("kind", "name", "warning", "e_detector", "")


def alarm_of(*names: str) -> CohortAlarm:
    return CohortAlarm([Maturity(name, HOUR, 3, HOUR, 24) for name in names], 30.0, 2)


def judge(alarm: CohortAlarm, at: int) -> str | None:
    told = alarm.judge(SUBJECT, PaneKey(at * HOUR, HOUR, "m", "1", ""), "more than")
    return None if told is None else str(told["transition"])


def test_an_alarm_resolves_by_the_stream_that_raised_it_and_old_cohorts_raise_it_no_more() -> None:
    alarm = alarm_of("quick", "slow")
    for name in ("quick", "slow"):
        alarm.null(name, 0.1)
    at, said = 0, []
    while not said:
        alarm.add("quick", at * HOUR, 500, 150)
        said = [t for t in [judge(alarm, at)] if t]
        at += 1
    assert said == ["firing"]
    repaired = at
    while said != ["resolved"]:
        alarm.add("quick", at * HOUR, 500, 20)
        said = [t for t in [judge(alarm, at)] if t]
        at += 1
    assert at - repaired <= 6
    for late in range(repaired):  # the slow maturity sees the same bad cohorts, later
        alarm.add("slow", late * HOUR, 500, 150)
        assert judge(alarm, at + late) is None
    assert not alarm.state.firing


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_at_the_border_of_the_null_false_alarms_keep_to_the_budget(rate: float) -> None:
    """Two maturities with the same cohorts: fully dependent. Nominal: one in 200 cohorts."""
    lengths = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        alarm = CohortAlarm([Maturity(n, HOUR, 3, HOUR, 24) for n in ("a", "b")], 200 / 24, 2)
        length = 0
        for name in ("a", "b"):
            alarm.null(name, rate)
        while not alarm.evidence().alarm and length < 2_000:
            length += 1
            events = int(rng.binomial(100, rate))
            for name in ("a", "b"):
                alarm.add(name, length * HOUR, 100, events)
        lengths.append(length)
    assert np.mean(lengths) >= 200


def test_an_alarm_goes_on_by_another_stream_if_the_one_that_raised_it_is_no_longer_asked() -> None:
    alarm = alarm_of("quick", "slow")
    for name in ("quick", "slow"):
        alarm.null(name, 0.1)
    at, said = 0, None
    while said is None:
        alarm.add("slow", at * HOUR, 500, 150)
        said, at = judge(alarm, at), at + 1
    successor = alarm_of("quick")
    successor.restore(alarm.snapshot())
    assert successor.state.firing
    for _ in range(6):
        successor.add("quick", at * HOUR, 500, 20)
        said, at = judge(successor, at) or said, at + 1
    assert said == "resolved"


def test_a_cohort_without_predictions_does_not_postpone_the_judgement_of_others() -> None:
    policy = ModelPolicy(pane_ms=MINUTE, labels="maturity", maturities=(MINUTE, 5 * MINUTE))
    seen = LateLabelWatch(PaneKey(0, MINUTE, "m", "1", ""), policy, ReferenceBook())
    for start, predictions in ((0, 0), (4 * MINUTE, 10)):  # both are of age after six minutes
        key = PaneKey(start, MINUTE, "m", "1", "")
        if predictions:
            seen.on_predictions(PredictionPane(key, events=predictions))
        labels = LabelPane(key)
        labels.cells[start, 0] = Outcomes(10, 10, {("1", "1"): 10})
        seen.on_labels(labels)
    seen.advance(6 * MINUTE)
    assert seen.worse == [(6 * MINUTE, False)]
