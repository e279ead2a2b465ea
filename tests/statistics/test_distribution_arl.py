"""The detectors of distributions and rates at the worst point of their null, and how soon they see a real drift.

The worst null of H0(tau): the CDF lies tau above the reference everywhere, or as near to it as a CDF can.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tiltmeter.core.drift.attribution import declared
from tiltmeter.core.drift.category_detector import CategoryDetector
from tiltmeter.core.drift.cdf_detector import CdfDetector, grid_borders
from tiltmeter.core.drift.error_rate import STEPS
from tiltmeter.core.drift.rate_bank import RateBank
from tiltmeter.core.panes.histogram import bin_counts, edges_from_reference

NOMINAL = 200
LONG = os.environ.get("TILTMETER_LONG") == "1"
RUNS = 200 if LONG else 30
#: Evidence that a year of minutes asks for, for one of twenty features.
YEAR = math.log(525_600 * 20)


def mean_run(
    alarms: Callable[[np.random.Generator], Iterator[bool]], runs: int = RUNS, most: int = 1_000
) -> float:
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


def _bins(shape: str) -> np.ndarray:
    """Counts of a reference of 100,000: 256 bins, few values, or one heavy atom."""
    rng = np.random.default_rng(8)
    if shape == "smooth":
        values = rng.normal(size=100_000)
    elif shape == "five values":
        values = rng.integers(0, 5, 100_000).astype(float)
    else:
        values = np.where(rng.random(100_000) < 0.6, 0.0, rng.normal(size=100_000))
    return bin_counts(edges_from_reference(values), values)


def _raised(counts: np.ndarray, tau: float) -> np.ndarray:
    """Probabilities of the bins whose CDF is min(F + tau, 1) everywhere."""
    cdf = np.minimum(counts.cumsum() / counts.sum() + tau, 1.0)
    return np.diff(cdf, prepend=0.0)


@pytest.mark.parametrize("shape", ["smooth", "five values", "atom"])
@pytest.mark.parametrize("rows", [500, 10_000])
def test_a_cdf_tau_above_the_reference_keeps_its_budget(shape: str, rows: int) -> None:
    """With 10,000 rows a pane the evidence is tempered."""
    counts = _bins(shape)
    worst = _raised(counts, 0.05)

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        detector = CdfDetector([counts], (0.05,), [0.0])
        while True:
            pane = rng.multinomial(rows, worst).astype(np.int64)
            detector.on_pane(*detector.below([pane]), np.ones(1))
            yield bool(detector.bank.log_evidence()[0] >= math.log(NOMINAL))

    assert mean_run(alarms) >= NOMINAL


def test_every_alternative_has_mean_one_at_the_worst_null() -> None:
    """Not only on average over runs: E[L] = 1 exactly where mu0 is met, and less below. Summed over all outcomes."""
    bank = RateBank(np.array([[0.3], [0.92]]), STEPS)
    for k, mu0 in enumerate((0.3, 0.92)):
        mine = bank._row == k
        for p in (mu0, 0.7 * mu0):
            hits = np.arange(61)
            chance = [math.comb(60, h) * p**h * (1 - p) ** (60 - h) for h in hits]
            log_e = np.outer(hits, bank._if_hit[mine]) + np.outer(60 - hits, bank._if_not[mine])
            means = np.array(chance) @ np.exp(log_e)
            assert bool((means <= 1 + 1e-9).all())
            assert means.max() == pytest.approx(1.0) or p < mu0


def test_twenty_features_at_their_worst_null_alarm_together_no_more_than_one() -> None:
    """All twenty move at once, which is the most dependence there is; e-d-BH decides."""
    counts = _bins("smooth")
    worst = _raised(counts, 0.05)

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        detector = CdfDetector([counts] * 20, (0.05,), [0.0] * 20)
        while True:
            pane = rng.multinomial(500, worst).astype(np.int64)
            detector.on_pane(*detector.below([pane] * 20), np.ones(20))
            log_m = detector.bank.log_evidence().tolist()
            yield bool(declared({str(f): m for f, m in enumerate(log_m)}, math.log(NOMINAL), 20))

    assert mean_run(alarms, runs=20 if not LONG else 100, most=600) >= NOMINAL


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.02,) * 50], ids=["3 categories", "50 categories"])
def test_category_shares_tau_away_keep_their_budget(shares: tuple[float, ...]) -> None:
    known = {f"{k:02}": round(100_000 * share) for k, share in enumerate(shares)}
    worst = np.array(shares)
    worst[0] += 0.05
    worst[1:] -= 0.05 * worst[1:] / worst[1:].sum()

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        detector = CategoryDetector([(known, 0)], (0.05,), [0.0])
        while True:
            seen = dict(zip(known, rng.multinomial(500, worst).tolist(), strict=True))
            detector.on_pane(*detector.shares([seen]), np.ones(1))
            yield bool(detector.bank.log_evidence()[0] >= math.log(NOMINAL))

    assert mean_run(alarms) >= NOMINAL


def test_a_hundred_rates_at_their_limits_keep_their_budget() -> None:
    """Half of them are the same cells, counted twice."""
    mu0 = np.repeat(np.linspace(0.02, 0.4, 50), 2)

    def alarms(rng: np.random.Generator) -> Iterator[bool]:
        bank = RateBank(mu0[:, None], STEPS)
        while True:
            hits = np.repeat(rng.binomial(200, mu0[::2]), 2)
            bank.on_pane(np.full(100, 200), hits[:, None], np.ones(100))
            log_m = bank.log_evidence().tolist()
            yield bool(declared({str(k): m for k, m in enumerate(log_m)}, math.log(NOMINAL), 100))

    assert mean_run(alarms) >= NOMINAL


def _delays(shift: float, rows: int, tau: float, cap: int, runs: int) -> np.ndarray:
    """Panes until one drifted normal feature of twenty is declared alone; reference of a million."""
    rng = np.random.default_rng(12)
    reference = rng.normal(size=1_000_000)
    edges = edges_from_reference(reference)
    counts = bin_counts(edges, reference)
    margin = math.sqrt(math.log(2 * 20 / 0.01) / (2 * 1_000_000))
    delays = []
    for _ in range(runs):
        detector = CdfDetector([counts], (tau,), [margin], cap)
        for pane in range(1, 500):
            drifted = bin_counts(edges, rng.normal(shift, 1.0, rows))
            detector.on_pane(*detector.below([drifted]), np.ones(1))
            if detector.bank.log_evidence()[0] >= YEAR:
                delays.append(pane)
                break
    return np.array(delays)


@pytest.mark.parametrize(
    ("shift", "rows", "median", "most"),
    [(0.2, 2_000, 8, 13), (0.5, 2_000, 1, 1), (0.2, 200, 74, 115), (0.5, 200, 3, 5)],
)
def test_a_drift_is_seen_as_soon_as_the_table_says(shift: float, rows: int, median: int, most: int) -> None:
    """KS distance .080 for a shift of .2 standard deviations, .197 for .5; one false alarm a year of minutes."""
    delays = _delays(shift, rows, 0.05, 2_000, 60)
    assert delays.size == 60
    assert np.median(delays) == pytest.approx(median, rel=0.15, abs=1)
    assert np.quantile(delays, 0.95) <= most


def test_a_drift_within_the_tolerance_is_never_seen() -> None:
    assert _delays(0.1, 2_000, 0.05, 2_000, 10).size == 0


def test_the_grid_misses_nothing_that_is_larger_than_its_gaps() -> None:
    counts = _bins("smooth")
    shares = np.concatenate([[0.0], counts.cumsum()[grid_borders(counts)] / counts.sum(), [1.0]])
    assert np.diff(shares).max() <= 1 / 32 + 2 / 256
