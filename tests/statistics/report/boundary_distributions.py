"""Distributions as far from the reference as is tolerated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from report.worst_case import Alarms, Case, first_declared
from tiltmeter.core.drift.categorical import at_least as categories_at_least
from tiltmeter.core.drift.categorical import categorical_distance
from tiltmeter.core.drift.category_detector import CategoryDetector
from tiltmeter.core.drift.cdf_detector import CdfDetector
from tiltmeter.core.drift.ks import KsBudget, ks_distance

_KNOWN = 10**12
_SHARES = np.array([0.2, 0.5, 0.3])  # of three categories


def _moved(tau: float, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """(reference int64[bins], shares float64[bins]) a KS distance of tau apart at every edge but the first and last:
    what leaves the last bin enters the first."""
    reference = np.full(bins, _KNOWN // bins)
    cdf = np.minimum(np.arange(1, bins + 1) / bins + tau, 1.0)
    return reference, np.diff(cdf, prepend=0.0)


def _ks_window(tau: float, rows: int, panes: int, features: int = 1) -> Alarms:
    bins = 64
    reference, shares = _moved(tau, bins)
    atomic = np.zeros(bins, dtype=np.bool_)

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        budget = KsBudget(nominal, features)
        ring = [rng.multinomial(rows, shares, size=features) for _ in range(panes)]
        while True:
            for counts in rng.multinomial(rows, shares, size=(200, features)):
                ring = [*ring[1:], counts]
                total = np.sum(ring, axis=0)
                yield any(budget.at_least(ks_distance(reference, t, atomic)) > tau for t in total)

    return alarms


def _category_window(tau: float, rows: int, panes: int) -> Alarms:
    reference = np.round(_SHARES * _KNOWN).astype(np.int64)
    shares = _SHARES + np.array([tau, -tau / 2, -tau / 2])

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        budget = KsBudget(nominal, 1)
        ring = [rng.multinomial(rows, shares) for _ in range(panes)]
        while True:
            for counts in rng.multinomial(rows, shares, size=200):
                ring = [*ring[1:], counts]
                yield categories_at_least(categorical_distance(reference, np.sum(ring, axis=0)), budget) > tau

    return alarms


def _cdf(tau: float, rows: int, features: int = 1, phi: float = 1.0, identical: bool = False) -> Alarms:
    """e-SR on the CDF; the family alarms as soon as e-d-BH declares a feature."""
    reference, shares = _moved(tau, 64)

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = CdfDetector([reference] * features, [tau], [0.0] * features)
        drawn = 1 if identical else features
        while True:
            for counts in rng.multinomial(rows, shares, size=(200, drawn)):
                n, below = detector.below([*counts] * (features // drawn))
                detector.on_pane(n, below, np.full(features, phi))
                yield first_declared(detector.bank.log_evidence(), nominal)

    return alarms


def _categories(tau: float, rows: int) -> Alarms:
    names = ("a", "b", "c")
    moved = _SHARES + np.array([tau, -tau / 2, -tau / 2])
    reference = ({name: round(share * _KNOWN) for name, share in zip(names, _SHARES, strict=True)}, 0)

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = CategoryDetector([reference], [tau], [0.0])
        while True:
            for counts in rng.multinomial(rows, moved, size=200).tolist():
                n, values = detector.shares([dict(zip(names, counts, strict=True))])
                detector.on_pane(n, values, np.ones(1))
                yield first_declared(detector.bank.log_evidence(), nominal)

    return alarms


CASES = (
    Case("KS window D_lo, τ .05, 5 panes of 200 sliding", _ks_window(0.05, 200, 5), share=0.5),
    Case(
        "KS window D_lo, τ .05, 5 panes of 2,000, 3 features",
        _ks_window(0.05, 2_000, 5, 3),
        most=2_000,
        share=0.3,
    ),
    Case("category window, τ .05, 5 panes of 200 sliding", _category_window(0.05, 200, 5), share=0.3),
    Case("e-SR on the CDF, τ .05, 500 rows", _cdf(0.05, 500), share=0.5, quick=True),
    Case(
        "e-SR on the CDF, τ .05, 2,000 rows, nominal 1,000",
        _cdf(0.05, 2_000),
        nominal=1_000,
        most=10_000,
        share=0.2,
    ),
    Case(
        "e-SR on the CDF, τ .05, 10,000 rows, capped, φ 2", _cdf(0.05, 10_000, phi=2.0), most=2_000, share=0.3
    ),
    Case(
        "e-SR on the CDF, 5 independent features, first declaration",
        _cdf(0.05, 500, 5),
        most=2_000,
        share=0.3,
    ),
    Case(
        "e-SR on the CDF, 5 features that are copies of one",
        _cdf(0.05, 500, 5, identical=True),
        most=2_000,
        share=0.3,
    ),
    Case("e-SR on category shares, τ .05, 500 rows", _categories(0.05, 500), share=0.5),
)
