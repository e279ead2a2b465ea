"""The shares of all detectors together are no more than the budget, and what an alert promises is its share."""

from __future__ import annotations

import math

import pytest

from tiltmeter.core.drift.ks import KsBudget
from tiltmeter.core.policy import ModelPolicy, Tolerances, Weights
from tiltmeter.core.verdicts.budget import Budget

POLICIES = {
    "default": ModelPolicy(),
    "one-second panes": ModelPolicy(pane_ms=1_000),
    "daily panes": ModelPolicy(pane_ms=86_400_000),
    "an impatient operator": ModelPolicy(tolerances=Tolerances(warning_days=0.5, critical_days=1.0)),
    "panes longer than the budget": ModelPolicy(
        pane_ms=86_400_000, tolerances=Tolerances(warning_days=0.01, critical_days=0.01)
    ),
}


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("severity", ["warning", "critical"])
def test_expected_false_alarms_add_up_to_at_most_one_per_budget(name: str, severity: str) -> None:
    """An e-SR detector: one in arl_panes panes. A KS window: alpha per pane and feature, for all features."""
    policy = POLICIES[name]
    budget = Budget.of(policy)
    days = policy.tolerances.warning_days if severity == "warning" else policy.tolerances.critical_days
    panes = policy.panes_per_day * days
    expected = 0.0
    for part in budget.parts(severity):
        if part.detector == "ks_window":
            features = 7
            expected += panes * features * KsBudget(part.arl_panes, features).alpha
        else:
            expected += panes / math.exp(part.log_threshold)
    assert 0 < expected <= 1 + 1e-9


@pytest.mark.parametrize("severity", ["warning", "critical"])
def test_no_more_than_the_whole_is_given_away(severity: str) -> None:
    assert math.fsum(part.share for part in Budget.of(ModelPolicy()).parts(severity)) <= 1 + 1e-12


def test_families_have_the_weights_that_were_decided() -> None:
    families = {
        "label": "prediction",
        "joint": "features",
        "outliers": "data_quality",
        "label_coverage": "data_quality",
    }
    shares: dict[str, float] = {}
    for part in Budget.of(ModelPolicy()).parts("warning"):
        family = families.get(part.family, part.family)
        shares[family] = shares.get(family, 0.0) + part.share
    decided = {"performance": 0.5, "prediction": 0.2, "features": 0.2, "data_quality": 0.1}
    assert shares == pytest.approx(decided)


def test_an_operator_may_share_it_out_otherwise() -> None:
    weights = Weights(performance=0.7, prediction=0.1, features=0.1, quality=0.1)
    budget = Budget.of(ModelPolicy(weights=weights))
    assert math.fsum(part.share for part in budget.parts("warning")) == pytest.approx(1.0)
    assert budget.part("performance", "e_sr").share == pytest.approx(0.7)
    assert budget.part("performance", "e_sr", "critical").share == pytest.approx(0.7)
    assert budget.part("label", "ks_window").share == pytest.approx(0.1 / 8)
    assert budget.promise(("performance",)).startswith("on average at most one false alarm in 42.8571 days")


def test_the_promise_is_the_familys_share_and_not_more() -> None:
    budget = Budget.of(ModelPolicy())
    assert budget.promise(("features",)).startswith("on average at most one false alarm in 200 days")
    assert budget.promise(("performance",)).startswith("on average at most one false alarm in 60 days")
    assert budget.promise(("performance",), "critical").startswith(
        "on average at most one false alarm in 730 days"
    )


def test_a_detector_without_a_share_has_no_budget() -> None:
    with pytest.raises(KeyError):
        Budget.of(ModelPolicy()).part("features", "e_sr", "critical")
