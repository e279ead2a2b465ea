"""The e-SR recursion and the two detectors built on it."""

from __future__ import annotations

import math

import numpy as np
import orjson
import pytest

from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.e_detector import EDetector, Evidence, log_threshold
from tiltmeter.core.drift.error_rate import STEPS, ErrorRateDetector
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.drift.tempering import tempering
from tiltmeter.core.drift.upper_bounds import clopper_pearson_upper, empirical_bernstein_upper

ONE_YEAR_OF_MINUTES = log_threshold(1_440, 365)


def panes_until_alarm(detector: ErrorRateDetector, n: int, rate: float, seed: int, most: int = 2_000) -> int:
    rng = np.random.default_rng(seed)
    for pane in range(1, most + 1):
        if detector.on_pane(n, int(rng.binomial(n, rate))).alarm:
            return pane
    return most + 1


def test_the_recursion_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    weights = [0.5, 0.3, 0.2]
    detector = EDetector(5.0, weights)
    m = np.zeros(3)
    for log_e in rng.normal(-0.1, 0.4, size=(50, 3)):
        m = np.exp(log_e) * (m + 1)
        assert detector.on_pane(log_e).log_evidence == pytest.approx(math.log(m @ weights), rel=1e-10)


def test_an_impossible_pane_is_evidence_of_nothing() -> None:
    detector = EDetector(2.0, [0.5, 0.5])
    assert detector.evidence() == Evidence(-math.inf, 2.0)
    assert detector.on_pane(np.array([-np.inf, -np.inf])).log_evidence == -math.inf
    assert detector.on_pane(np.array([0.0, 0.0])).log_evidence == 0.0


def test_the_ratio_is_one_at_the_threshold_and_never_negative() -> None:
    assert Evidence(4.0, 4.0).ratio == 1.0
    assert Evidence(4.0, 4.0).alarm
    assert Evidence(-math.inf, 4.0).ratio == 0.0
    assert not Evidence(3.99, 4.0).alarm


@pytest.mark.parametrize("bad", [[math.nan, 0.0], [math.inf, 0.0], [0.0]])
def test_a_bad_e_value_is_refused_and_changes_nothing(bad: list[float]) -> None:
    detector = EDetector(2.0, [0.5, 0.5])
    detector.on_pane(np.array([0.3, 0.1]))
    before = detector.evidence()
    with pytest.raises(ValueError, match="log e-values"):
        detector.on_pane(np.array(bad))
    assert detector.evidence() == before


@pytest.mark.parametrize("weights", [[], [0.5, 0.6], [1.5, -0.5]])
def test_weights_that_are_no_mixture_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        EDetector(1.0, weights)


def test_the_threshold_is_the_false_alarm_budget() -> None:
    assert log_threshold(1_440, 365) == pytest.approx(math.log(525_600))
    assert log_threshold(1_440, 365, 0.5) == pytest.approx(math.log(2 * 525_600))
    with pytest.raises(ValueError, match="not a budget"):
        log_threshold(1_440, 0)


@pytest.mark.parametrize(("labels", "median"), [(10, 124), (100, 15), (1_000, 2)])
def test_the_delay_is_that_of_the_specification(labels: int, median: int) -> None:
    """Error .08 -> .15, tolerance .02, one false alarm in a year of 1-min panes."""
    delays = [
        panes_until_alarm(ErrorRateDetector(0.10, ONE_YEAR_OF_MINUTES), labels, 0.15, seed)
        for seed in range(30)
    ]
    assert np.median(delays) == pytest.approx(median, rel=0.35, abs=1)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.08])
def test_an_improvement_never_alarms(rate: float) -> None:
    detector = ErrorRateDetector(0.10, ONE_YEAR_OF_MINUTES)
    rng = np.random.default_rng(1)
    for errors in rng.binomial(1_000, rate, size=3_000):
        assert detector.on_pane(1_000, int(errors)).ratio < 0.5


def test_small_panes_are_pooled_and_empty_ones_change_nothing() -> None:
    pooled, at_once = ErrorRateDetector(0.1, 5.0), ErrorRateDetector(0.1, 5.0)
    for _ in range(6):
        pooled.on_pane(0, 0)
        pooled.on_pane(9, 2)
    assert pooled.evidence() == at_once.on_pane(54, 12)
    for _ in range(100):
        pooled.on_pane(0, 0)
    assert pooled.evidence() == at_once.evidence()


def test_after_a_restart_the_detector_is_new() -> None:
    detector, fresh = ErrorRateDetector(0.1, 5.0), ErrorRateDetector(0.1, 5.0)
    for _ in range(5):
        assert detector.on_pane(1_000, 300)
    assert detector.on_pane(30, 3).alarm
    detector.restart()
    assert detector.snapshot() == fresh.snapshot()
    assert [detector.on_pane(100, 20) for _ in range(9)] == [fresh.on_pane(100, 20) for _ in range(9)]


def test_huge_and_over_dispersed_panes_are_tempered() -> None:
    assert tempering(100, 1.0) == 1.0
    assert tempering(100, 2.5) == 0.4
    assert tempering(20_000, 1.0) == 0.1
    with pytest.raises(ValueError, match="at least 1"):
        tempering(100, math.nan)


@pytest.mark.parametrize(("n", "errors"), [(10, 11), (-1, 0), (10, -1)])
def test_impossible_counts_are_refused(n: int, errors: int) -> None:
    detector = ErrorRateDetector(0.1, 5.0)
    before = detector.snapshot()
    with pytest.raises(ValueError, match="errors in"):
        detector.on_pane(n, errors)
    assert detector.snapshot() == before


def test_alternatives_at_one_are_left_out_and_without_any_it_says_so() -> None:
    narrow = ErrorRateDetector(0.75, 5.0)
    assert narrow.watching
    assert len(narrow.snapshot()["detector"]["log_m"]) == len(STEPS) - 1
    blind = ErrorRateDetector(1.2, 5.0)
    assert not blind.watching
    assert not any(blind.on_pane(1_000, 1_000).alarm for _ in range(100))


def test_upper_bounds_match_their_sources() -> None:
    from scipy.stats import binomtest

    exact = binomtest(80, 1_000, alternative="less").proportion_ci(0.995).high
    assert clopper_pearson_upper(80, 1_000) == pytest.approx(exact, rel=1e-9)
    assert clopper_pearson_upper(5, 5) == clopper_pearson_upper(0, 0) == 1.0
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(300):
        losses = rng.beta(1, 9, size=500)
        upper = empirical_bernstein_upper(500, losses.sum(), (losses**2).sum())
        assert upper < 0.16
        missed += upper < 0.1
    assert missed <= 5
    assert empirical_bernstein_upper(1, 0.0, 0.0) == 1.0


def loss_panes(
    rng: np.random.Generator, mean: float, panes: int, n: int = 100
) -> list[tuple[int, float, float]]:
    losses = rng.beta(2, 2 / mean - 2, size=(panes, n))
    return [(n, float(row.sum()), float((row**2).sum())) for row in losses]


@pytest.mark.parametrize(("mean", "slowest"), [(0.10, 45), (0.12, 20), (0.15, 11)])
def test_a_risen_loss_is_found_as_fast_as_the_specification_says(mean: float, slowest: int) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        detector = BoundedLossDetector(0.08, 0.06, ONE_YEAR_OF_MINUTES)
        assert not any(detector.on_pane(*pane).alarm for pane in loss_panes(rng, 0.06, 200))
        delays = [i for i, pane in enumerate(loss_panes(rng, mean, 100), 1) if detector.on_pane(*pane).alarm]
        assert delays[0] <= slowest


def test_a_loss_that_falls_never_alarms() -> None:
    detector = BoundedLossDetector(0.08, 0.06, ONE_YEAR_OF_MINUTES)
    for pane in loss_panes(np.random.default_rng(3), 0.03, 2_000):
        assert detector.on_pane(*pane).ratio < 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 101.0])
def test_one_bad_sum_never_silences(bad: float) -> None:
    detector = BoundedLossDetector(0.08, 0.06, ONE_YEAR_OF_MINUTES)
    detector.on_pane(100, 6.0, 0.5)
    before = detector.snapshot()
    for pane in ((100, bad, 0.5), (100, 6.0, bad)):
        with pytest.raises(ValueError, match="cannot sum"):
            detector.on_pane(*pane)
    assert detector.snapshot() == before
    assert any(detector.on_pane(100, 20.0, 5.0).alarm for _ in range(50))


def test_state_of_another_null_is_refused() -> None:
    taken = ErrorRateDetector(0.1, 5.0).snapshot()
    with pytest.raises(SnapshotMismatchError, match="mu0"):
        ErrorRateDetector(0.11, 5.0).restore(taken)
    with pytest.raises(SnapshotMismatchError, match="kind"):
        BoundedLossDetector(0.1, 0.1, 5.0).restore(taken)
    ErrorRateDetector(0.1 * (1 + 1e-15), 5.0).restore(orjson.loads(orjson.dumps(taken)))


def test_a_reference_sets_the_null_above_its_upper_bound() -> None:
    assert (
        ErrorRateDetector.from_reference(80, 1_000, 0.02, 5.0).mu0 == clopper_pearson_upper(80, 1_000) + 0.02
    )
    loss = BoundedLossDetector.from_reference(1_000, 60.0, 8.0, 0.02, 5.0)
    assert loss.mu0 == empirical_bernstein_upper(1_000, 60.0, 8.0) + 0.02
    assert not BoundedLossDetector.from_reference(0, 0.0, 0.0, 0.02, 5.0).watching
