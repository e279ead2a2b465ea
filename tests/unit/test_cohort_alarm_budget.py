"""Maturities have no common past: an alarm needs one of them that has the evidence for the cohorts of all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tiltmeter.core.drift.error_rate import ErrorRateDetector
from tiltmeter.core.late_labels.cohort_alarm import CohortAlarm
from tiltmeter.core.late_labels.mature_errors import MatureErrors
from tiltmeter.core.late_labels.matured import Matured
from tiltmeter.core.late_labels.maturity import Maturity, maturities
from tiltmeter.core.policy import DAY, HOUR, ModelPolicy
from tiltmeter.core.verdicts.budget import Budget

DAYS, ALLOWED = 30.0, 0.1


@pytest.mark.parametrize("streams", [1, 2, 4])
def test_an_alarm_needs_one_stream_with_evidence_for_all_cohorts_of_all_streams(
    streams: int,
) -> None:
    """All streams see the same: together they say no more than one."""
    names = [f"{i}h" for i in range(streams)]
    alarm = CohortAlarm([Maturity(name, HOUR, 3, HOUR, 24) for name in names], DAYS, 2)
    alone = ErrorRateDetector(ALLOWED, 1.0)
    for name in names:
        alarm.null(name, ALLOWED)
    rng = np.random.default_rng(4)
    before, at = -math.inf, 0
    while not alarm.evidence().alarm:
        before = alone.evidence().log_evidence
        events = int(rng.binomial(100, 0.14))
        alone.on_pane(100, events)
        for name in names:
            alarm.add(name, at * HOUR, 100, events)
        at += 1
    needed = math.log(streams * 24 * DAYS)
    assert before < needed <= alone.evidence().log_evidence
    assert alarm.evidence().log_threshold == pytest.approx(needed)


def test_the_error_rate_over_all_maturities_needs_evidence_for_the_cohorts_of_all_of_them() -> None:
    """By default minutes, hours, days and days."""
    policy = ModelPolicy(labels="maturity")
    found = maturities(policy)
    errors = MatureErrors([Matured(m, len(found), policy) for m in found], policy)
    per_day = 1_440 + 24 + 1 + 1
    for severity, alarm in errors.alarms.items():
        days = Budget.of(policy).part("performance", "e_sr", severity).days
        assert alarm.evidence().log_threshold == pytest.approx(math.log(per_day * days))


def test_the_coverage_of_each_maturity_has_its_part_of_the_budget() -> None:
    """False alarms of all maturities in the days of the promise, at most: cohorts in them over the threshold."""
    policy = ModelPolicy()
    found = maturities(policy)
    days = Budget.of(policy).part("label_coverage", "e_sr").days
    expected = [
        m.cohorts_per_day * days / math.exp(Matured(m, len(found), policy).shortfall.evidence().log_threshold)
        for m in found
    ]
    assert found[0].cohorts_per_day == DAY / 60_000
    assert math.fsum(expected) == pytest.approx(1.0)
