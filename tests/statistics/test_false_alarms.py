"""Do the promises hold at the worst point of the null? Seeded simulations of panes to the first false alarm."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.error_rate import ErrorRateDetector
from tiltmeter.core.drift.ks import KsBudget, ks_distance
from tiltmeter.core.drift.second_moments import SecondMomentDetector
from tiltmeter.core.panes.fixed_point import ONE as FIXED_ONE
from tiltmeter.core.panes.histogram import atomic_mask, bin_counts, edges_from_reference
from tiltmeter.core.panes.joint_counts import ONE, JointCounts
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.core.policy import DAY, ModelPolicy, Tolerances
from tiltmeter.core.reference.joint_profile import JointProfile
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.loss_bank import LossBank

NOMINAL = 200


def mean_run(runs: int, alarms: Callable[[np.random.Generator], Iterator[bool]], most: int = 4_000) -> float:
    """Mean panes to the first alarm, runs cut off at ``most`` (which only understates the mean)."""
    lengths = []
    for seed in range(runs):
        length = most
        for pane, alarm in enumerate(alarms(np.random.default_rng(seed)), 1):
            if alarm or pane == most:
                length = pane
                break
        lengths.append(length)
    return float(np.mean(lengths))


@pytest.mark.parametrize("mu0", [0.02, 0.10, 0.60, 0.97])
def test_error_rate_at_the_boundary_keeps_its_budget(mu0: float) -> None:
    """0.97 leaves few alternatives below 1: clipping the others there once made the ARL 9 instead of 200."""

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        detector = ErrorRateDetector(mu0, math.log(NOMINAL))
        while True:
            yield detector.on_pane(100, int(rng.binomial(100, mu0))).alarm

    assert mean_run(60, alarms) >= NOMINAL


def test_error_rate_keeps_its_budget_when_errors_depend_on_the_past() -> None:
    """The rate swings below its limit with the last pane; the conditional mean never exceeds mu0."""

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        detector, errors = ErrorRateDetector(0.1, math.log(NOMINAL)), 10
        while True:
            errors = int(rng.binomial(100, 0.1 if errors >= 10 else 0.06))
            yield detector.on_pane(100, errors).alarm

    assert mean_run(60, alarms) >= NOMINAL


def test_tempered_panes_keep_their_budget() -> None:
    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        detector = ErrorRateDetector(0.1, math.log(NOMINAL))
        while True:
            yield detector.on_pane(10_000, int(rng.binomial(10_000, 0.1)), phi=1.5).alarm

    assert mean_run(40, alarms) >= NOMINAL


def test_alarms_after_restarts_stay_within_the_budget() -> None:
    rng = np.random.default_rng(5)
    detector = ErrorRateDetector(0.1, math.log(NOMINAL))
    alarms = 0
    for errors in rng.binomial(100, 0.1, size=40_000).tolist():
        if detector.on_pane(100, errors).alarm:
            alarms += 1
            detector.restart()
    assert 0 < alarms <= 40_000 / NOMINAL


@pytest.mark.parametrize("shape", [(0.16, 1.84), (0.8, 9.2), (8.0, 92.0)])
def test_bounded_loss_at_the_boundary_keeps_its_budget(shape: tuple[float, float]) -> None:
    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        detector = BoundedLossDetector(0.08, 0.06, math.log(NOMINAL))
        while True:
            losses = rng.beta(*shape, size=100)
            yield detector.on_pane(100, float(losses.sum()), float((losses**2).sum())).alarm

    assert mean_run(40, alarms, most=2_000) >= NOMINAL


def test_five_losses_at_their_boundaries_together_keep_the_budget_of_the_family() -> None:
    """Errors, log loss and Brier score are each as bad as is allowed, and the scores are too high by as much."""
    policy = ModelPolicy(pane_ms=DAY // 10, tolerances=Tolerances(warning_days=NOMINAL / 10 / 2))
    many = 10**9  # a reference that leaves next to no margin
    reference = Performance(
        "classification", labelled=many, errors=many // 20, scored=many, brier_sum=0.08 * many,
        brier_squares=0.02 * many, log_loss_sum=0.05 * many, log_loss_squares=0.01 * many, score_error_sum=0.0,
    )  # fmt: skip
    bank = LossBank(reference, policy, "warning")
    mu0 = {name: bank.mu0(name) for name in bank.names()}
    bias = 2 * mu0["calibration_above"] - 1

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        bank = LossBank(reference, policy, "warning")
        while True:
            wrong = int(rng.binomial(100, mu0["error_rate"]))
            made = Outcomes(100, 100, {("1", "1"): 100 - wrong, ("1", "0"): wrong})
            made.sums[SUMS.index("scored")] = 100
            for loss, square, mean in (
                ("brier", "squared_brier", mu0["brier_score"]),
                ("capped_log_loss", "squared_capped_log_loss", mu0["log_loss"]),
            ):
                terms = rng.beta(mean * 4, (1 - mean) * 4, size=100)
                made.sums[SUMS.index(loss)] = round(terms.sum() * FIXED_ONE)
                made.sums[SUMS.index(square)] = round((terms**2).sum() * FIXED_ONE)
            positive = rng.random(100) < 0.5 - bias
            made.scores = ScoreCounts.of(np.full(100, 0.5), positive)
            bank.on_pane(made, dict.fromkeys(mu0, 1.0))
            yield bool(bank.alarming())

    assert mean_run(30, alarms, most=1_500) >= NOMINAL


def test_ks_at_the_boundary_keeps_its_budget_over_a_sliding_window() -> None:
    """The population lies exactly tau away; windows of five panes overlap."""
    tau, budget = 0.05, KsBudget(NOMINAL, 1)
    rng = np.random.default_rng(6)
    reference = rng.random(20_000)
    edges = edges_from_reference(reference, 64)
    counts, atomic = bin_counts(edges, reference), atomic_mask(edges)

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        ring: list[np.ndarray] = []
        while True:
            values = rng.random(200)
            moved = np.where((values > 0.5) & (values < 0.55), values - 0.5, values)  # F(.5) = .55
            ring = [*ring[-4:], bin_counts(edges, moved)]
            yield budget.at_least(ks_distance(counts, np.sum(ring, axis=0), atomic)) > tau

    assert mean_run(20, alarms, most=1_000) >= NOMINAL


@pytest.mark.slow
def test_thirty_days_of_twenty_unchanged_features_raise_no_alarm() -> None:
    """One pane in ten of 30 days of minutes, windows of 10,000, budget one false alarm a year."""
    rng = np.random.default_rng(7)
    reference = rng.normal(size=10_000)
    edges = edges_from_reference(reference)
    counts, atomic = bin_counts(edges, reference), atomic_mask(edges)
    budget = KsBudget(525_600, 20)
    expected = counts / counts.sum()
    worst = max(
        budget.at_least(ks_distance(counts, window, atomic))
        for window in rng.multinomial(10_000, expected, size=20 * 4_320).astype(np.int64)
    )
    assert worst < 0.05


def _scores(joint: JointProfile, rng: np.random.Generator, rows: int, same: float) -> np.ndarray:
    """Scores of two features with equal tables, taken from the same bin with probability ``same``."""
    first, second = rng.integers(0, joint.scores[0].size, (2, rows))
    second = np.where(rng.random(rows) < same, first, second)
    return np.stack([joint.scores[0][first], joint.scores[0][second]])


@pytest.mark.parametrize("values", [2, 1_000], ids=["two values", "continuous"])
@pytest.mark.parametrize("rows", [60, 2_000])
def test_a_mean_product_at_the_boundary_keeps_its_budget(values: int, rows: int) -> None:
    """With two values the bound on the variance is tight; with many it is three times too large."""
    columns = {"a": np.arange(100_000) % values, "b": np.arange(100_000) // values % values}
    joint = build_reference(columns, model="m", version="1").joint
    assert joint is not None
    joint = replace(
        joint, scores=tuple(table[np.unique(table, return_index=True)[1]] for table in joint.scores)
    )
    powers = [int((table**4).mean() * joint.counts.rows) for table in joint.scores]

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        detector = SecondMomentDetector(joint, np.array(powers), 0.1, math.log(NOMINAL))
        limit = float((detector.reference + detector.allowed)[0])
        same = limit / float((joint.scores[0] / ONE).var())
        while True:
            scores = _scores(joint, rng, rows, same)
            yield detector.on_pane(
                JointCounts.of(scores, 0), (scores.astype(np.int64) ** 4).sum(axis=1)
            ).alarm

    assert mean_run(30, alarms, most=1_000) >= NOMINAL
