"""Errors and losses as bad as is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from report.worst_case import Alarms, Case
from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.error_rate import ErrorRateDetector


def _error_rate(mu0: float, labels: int, phi: float = 1.0) -> Alarms:
    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = ErrorRateDetector(mu0, math.log(nominal))
        while True:
            for errors in rng.binomial(labels, mu0, 500).tolist():
                yield detector.on_pane(labels, errors, phi).alarm

    return alarms


def _swinging(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
    """The rate depends on the last pane and never exceeds mu0."""
    detector, errors = ErrorRateDetector(0.1, math.log(nominal)), 10
    while True:
        errors = int(rng.binomial(100, 0.1 if errors >= 10 else 0.06))
        yield detector.on_pane(100, errors).alarm


def _bounded_loss(a: float, b: float) -> Alarms:
    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = BoundedLossDetector(a / (a + b), 0.06, math.log(nominal))
        while True:
            losses = rng.beta(a, b, size=(200, 100))
            for total, squares in zip(losses.sum(1).tolist(), np.square(losses).sum(1).tolist(), strict=True):
                yield detector.on_pane(100, total, squares).alarm

    return alarms


CASES = (
    Case("error rate, mu0 .02, 100 labels a pane", _error_rate(0.02, 100)),
    Case("error rate, mu0 .10, 100 labels", _error_rate(0.10, 100), quick=True),
    Case("error rate, mu0 .10, nominal 1,000", _error_rate(0.10, 100), nominal=1_000, most=10_000),
    Case("error rate, mu0 .60, 100 labels", _error_rate(0.60, 100)),
    Case("error rate, mu0 .97 (few alternatives left), 100 labels", _error_rate(0.97, 100), quick=True),
    Case("error rate, mu0 .10, 10,000 labels, tempered with φ 1.5", _error_rate(0.10, 10_000, 1.5)),
    Case("error rate, mu0 .10, each pane's rate depends on the last", _swinging),
    Case("bounded loss, mu0 .08, Beta(.16, 1.84): mostly 0, rarely 1", _bounded_loss(0.16, 1.84)),
    Case("bounded loss, mu0 .08, Beta(.8, 9.2)", _bounded_loss(0.8, 9.2)),
    Case("bounded loss, mu0 .08, Beta(8, 92): narrow", _bounded_loss(8.0, 92.0), quick=True),
)
