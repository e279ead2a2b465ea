"""Cohorts of predictions, judged when they are old enough, as bad as is allowed. Here a cohort is what elsewhere is a
pane: one step of the detector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from report.scene import POLICY
from report.worst_case import Alarms, Case
from tiltmeter.core.late_labels.concept_gap import ConceptGap
from tiltmeter.core.late_labels.estimated import calibration_margin
from tiltmeter.core.late_labels.mature_errors import MatureErrors
from tiltmeter.core.late_labels.matured import Judged, Matured
from tiltmeter.core.late_labels.maturity import Maturity, maturities
from tiltmeter.core.late_labels.triangle import Cohort
from tiltmeter.core.panes.fixed_point import ONE
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.policy import DAY, HOUR, MINUTE, ModelPolicy
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.verdicts.budget import Budget

#: Predictions of a cohort.
_ROWS = 1_000
#: Cohorts from which a baseline is learned, at least.
_GOOD = 60


def _policy(nominal: float, share: float, *ages: int) -> ModelPolicy:
    """One under which a detector with this share of the warnings' budget may be wrong once in ``nominal`` cohorts."""
    policy = replace(POLICY, maturities=ages)
    days = nominal / maturities(policy)[0].cohorts_per_day * share
    return replace(policy, tolerances=replace(policy.tolerances, warning_days=days))


def _share(family: str) -> float:
    return Budget.of(POLICY).part(family, "e_sr").share


def _key(maturity: Maturity, number: int) -> PaneKey:
    return PaneKey(number * maturity.cohort_ms, maturity.cohort_ms, "m", "1", "")


def _cohort(labelled: int, wrong: int = 0, promised: float = 0.0) -> Cohort:
    """``promised``: the share of errors that each score promises."""
    return Cohort(
        _ROWS,
        {"1": _ROWS},
        {0: {"1": [labelled, labelled - wrong]}},
        scored=_ROWS,
        expected=round(_ROWS * promised * ONE),
        expected_squares=round(_ROWS * promised**2 * ONE),
    )


def _coverage(usual: float) -> Alarms:
    """So many predictions more than usual have no label as is allowed."""

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        policy = _policy(nominal, _share("label_coverage"), DAY)
        (maturity,) = maturities(policy)
        matured = Matured(maturity, 1, policy)
        for number in range(_GOOD):
            matured.judge(number * maturity.cohort_ms, _cohort(round(_ROWS * (1.0 - usual))))
        while True:
            for missing in rng.binomial(_ROWS, matured.allowed, 500).tolist():
                number += 1
                matured.judge(number * maturity.cohort_ms, _cohort(_ROWS - missing))
                yield matured.alert(_key(maturity, number)) is not None

    return alarms


#: Share of the predictions that are labelled at each of three ages, and by how many cohorts they are judged later.
_LABELLED, _LATER = (300, 600, 900), (1, 5, 60)


def _maturities(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
    """The labels of a later age include those of an earlier one; errors are at their limit at every age."""
    policy = _policy(nominal, _share("performance"), MINUTE, 5 * MINUTE, HOUR)
    ages = [Matured(m, 3, policy) for m in maturities(policy)]
    errors = MatureErrors(ages, policy)

    def judge(age: Matured, number: int, labelled: int, wrong: int) -> None:
        start_ms = number * age.maturity.cohort_ms
        judged = age.judge(start_ms, _cohort(labelled, wrong))
        errors.add(age, judged, None, usual=True)

    for number in range(_GOOD):
        for age, labelled in zip(ages, _LABELLED, strict=True):
            judge(age, number, labelled, labelled // 10)
    limits = [age.errors.upper + policy.tolerances.error_rate for age in ages]
    new = np.diff(_LABELLED, prepend=0)
    rates = np.diff(np.multiply(limits, _LABELLED), prepend=0.0) / new
    drawn: list[list[int]] = []
    for step in count():
        if step + max(_LATER) >= len(drawn):
            drawn += rng.binomial(new, rates, size=(500, 3)).cumsum(axis=1).tolist()
        for k, age in enumerate(ages):
            cohort = step + max(_LATER) - _LATER[k]
            judge(age, _GOOD + cohort, _LABELLED[k], drawn[cohort][k])
        told = list(errors.judge(_key(ages[0].maturity, _GOOD + step)))
        yield any(alert["severity"] == "warning" for alert in told)


#: A reference whose scores mean what they say, as good as exactly.
_CALIBRATED = Performance("classification", labelled=10**9, calibration=((128, 10**9, 5 * 10**8),))


def _gap(promised: float) -> Alarms:
    """Errors exceed what scores promise by what is allowed. Scores of 0 and 1 promise none, and hide nothing of the
    variance."""

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        policy = _policy(nominal, 1.0, DAY)
        (maturity,) = maturities(policy)
        matured, gap = Matured(maturity, 1, policy), ConceptGap(policy)
        for number in range(_GOOD):
            matured.judge(number * maturity.cohort_ms, _cohort(_ROWS))
        allowed = policy.tolerances.error_rate + calibration_margin(_CALIBRATED.calibration)
        while True:
            for wrong in rng.binomial(_ROWS, promised + allowed, 500).tolist():
                number += 1
                cohort = _cohort(_ROWS, wrong, promised)
                judged: Judged = matured.judge(number * maturity.cohort_ms, cohort)
                yield bool(gap.add(matured, judged, cohort, _CALIBRATED, _key(maturity, number)))

    return alarms


CASES = (
    Case("label coverage, a tenth usually without a label, cohorts of 1,000", _coverage(0.1), quick=True),
    Case("error at three maturities, the earlier labels among the later, cohorts of 1,000", _maturities),
    Case("concept gap, scores of 0 and 1, cohorts of 1,000", _gap(0.0)),
    Case("concept gap, scores that promise 10 % errors, cohorts of 1,000", _gap(0.1)),
)
