"""Has a mean loss risen above what the reference allows? For losses in [0, 1], with a false-alarm budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tiltmeter.core.drift.e_detector import EDetector, Evidence
from tiltmeter.core.drift.snapshot import Snapshot, require
from tiltmeter.core.drift.tempering import CAP_VALUES, POOL_VALUES, tempering
from tiltmeter.core.drift.upper_bounds import empirical_bernstein_upper

#: Sizes of the bet; small ones find small changes.
LAMBDAS = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.5)
#: Rounding may carry a sum this much (relative) beyond its range.
_SLACK = 1.0 + 1e-6


class BoundedLossDetector:
    """H0: E[X | past] ≤ ``mu0`` at all times, X in [0, 1]. Alarms on a rise only.

    Per pane of n losses with sum S and sum of squares Q, with mu = the mean of all panes before it:
    V = Q - 2 mu S + n mu², ln L(lambda) = w [lambda (S - n mu0) - (-ln(1-lambda) - lambda) V]: the empirical
    Bernstein e-value (Howard et al. 2021, after Fan et al. 2015). It needs no independence. Guarantee:
    :class:`EDetector`'s. ``start_mean`` stands for mu before the first pane: any fixed value is valid, the
    reference's mean is the most powerful. For absolute errors X = min(|error|, cap) / cap with the
    reference's fixed cap. ``watching`` is False if mu0 ≥ 1. About 8 µs per pane.
    """

    def __init__(
        self, mu0: float, start_mean: float, log_threshold: float, cap_values: int = CAP_VALUES
    ) -> None:
        if not (mu0 > 0.0 and 0.0 <= start_mean <= 1.0):
            raise ValueError(f"mu0 must be positive and start_mean in [0, 1], not {mu0}, {start_mean}")
        self.mu0 = mu0
        self.watching = mu0 < 1.0
        self._start_mean = start_mean
        self._cap_values = cap_values
        self._lambdas = np.array(LAMBDAS)
        self._psi = np.array([-math.log1p(-bet) - bet for bet in LAMBDAS])
        self._detector = EDetector(log_threshold, [1.0 / len(LAMBDAS)] * len(LAMBDAS))
        self._past_n, self._past_total = 0, 0.0
        self._n, self._total, self._squares = 0, 0.0, 0.0

    @classmethod
    def from_reference(
        cls, n: int, total: float, squares: float, tolerance: float, log_threshold: float
    ) -> BoundedLossDetector:
        """mu0 = 99.5 % empirical-Bernstein bound of the reference's mean loss + ``tolerance``, all as shares
        of the cap. A tolerance that means "20 % worse" is .2 * total / n."""
        mean = min(max(total / n, 0.0), 1.0) if n else 0.5
        return cls(empirical_bernstein_upper(n, total, squares) + tolerance, mean, log_threshold)

    def on_pane(self, n: int, total: float, squares: float, phi: float = 1.0) -> Evidence:
        """A closed pane: n losses, their sum and their sum of squares, as floats in units of the cap
        (fixed-point sums divided by their power of two: exact below 2**53). Pooled until 50 losses are
        together.

        ValueError on NaN or sums outside [0, n], and the state is as before.
        """
        limit = n * _SLACK
        if not (n >= 0 and 0.0 <= total <= limit and 0.0 <= squares <= limit):
            raise ValueError(f"{n} losses in [0, 1] cannot sum to {total}, their squares to {squares}")
        pooled = self._n + int(n)
        weight = tempering(max(pooled, 1), phi, self._cap_values)
        self._n = pooled
        self._total += float(total)
        self._squares += float(squares)
        if pooled < POOL_VALUES or not self.watching:
            return self._detector.evidence()
        mean = min(self._past_total / self._past_n, 1.0) if self._past_n else self._start_mean
        spread = self._squares - 2.0 * mean * self._total + pooled * mean * mean
        # Squares are rounded on their own; Cauchy-Schwarz keeps the sum on the safe side.
        spread = max(spread, (self._total - pooled * mean) ** 2 / pooled)
        excess = self._total - pooled * self.mu0
        log_e = weight * (self._lambdas * excess - self._psi * spread)
        self._past_n, self._past_total = self._past_n + pooled, self._past_total + self._total
        self._empty_pool()
        return self._detector.on_pane(log_e)

    def evidence(self) -> Evidence:
        return self._detector.evidence()

    def restart(self) -> None:
        self._detector.restart()
        self._past_n, self._past_total = 0, 0.0
        self._empty_pool()

    def _empty_pool(self) -> None:
        self._n, self._total, self._squares = 0, 0.0, 0.0

    def snapshot(self) -> Snapshot:
        return {
            "schema": 1,
            "kind": "bounded-loss",
            "mu0": self.mu0,
            "detector": self._detector.snapshot(),
            "past": [self._past_n, self._past_total],
            "pool": [self._n, self._total, self._squares],
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        require(snapshot, schema=1, kind="bounded-loss", mu0=self.mu0)
        self._detector.restore(snapshot["detector"])
        self._past_n, self._past_total = snapshot["past"]
        self._n, self._total, self._squares = snapshot["pool"]
