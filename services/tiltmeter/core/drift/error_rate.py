"""Has the rate of errors, or of any 0-1 event, risen above what the reference allows? With a false-alarm
budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tiltmeter.core.drift.e_detector import EDetector, Evidence
from tiltmeter.core.drift.snapshot import Snapshot, require
from tiltmeter.core.drift.tempering import CAP_VALUES, POOL_VALUES, tempering
from tiltmeter.core.drift.upper_bounds import clopper_pearson_upper

#: Alternatives lie this far above the null. Those at 1 or beyond are left out: clipping them to .999 would
#: make the null itself false there.
STEPS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.3)


class ErrorRateDetector:
    """H0: P(event | past) ≤ ``mu0`` at all times. Alarms on a rise only; an improvement lowers the evidence.

    Per pane of n labels with s errors and per alternative q: ln L = w [s ln(q/mu0) + (n-s)
    ln((1-q)/(1-mu0))], a product of bets 1 + lambda (X - mu0), so an e-value for every conditional mean ≤ mu0
    without independence. Guarantee: :class:`EDetector`'s, exp(``log_threshold``) panes to the first false
    alarm; pooling and empty panes only lengthen it. ``watching`` is False if mu0 leaves no alternative: then
    it never alarms. State: one float per alternative. About 8 µs per pane.
    """

    def __init__(self, mu0: float, log_threshold: float, cap: int = CAP_VALUES) -> None:
        if not mu0 > 0.0:
            raise ValueError(f"mu0 must be positive, not {mu0}")
        self.mu0 = mu0
        self._cap = cap
        alternatives = [mu0 + step for step in STEPS if mu0 + step < 1.0]
        self.watching = bool(alternatives)
        self._if_error = np.array([math.log(q / mu0) for q in alternatives])
        self._if_right = np.array([math.log((1.0 - q) / (1.0 - mu0)) for q in alternatives])
        weights = [1.0 / len(alternatives)] * len(alternatives) if alternatives else [1.0]
        self._detector = EDetector(log_threshold, weights)
        self._n = self._errors = 0

    @classmethod
    def from_reference(
        cls, errors: int, n: int, tolerance: float, log_threshold: float, cap: int = CAP_VALUES
    ) -> ErrorRateDetector:
        """mu0 = 99.5 % upper bound of the reference's error rate + ``tolerance`` (absolute): an alarm says
        that the risk exceeds the reference's by more than the tolerance."""
        return cls(clopper_pearson_upper(errors, n) + tolerance, log_threshold, cap)

    def on_pane(self, n: int, errors: int, phi: float = 1.0) -> Evidence:
        """A closed pane. Panes are pooled until 50 labels are together; n = 0 changes nothing.

        ``phi`` is the over-dispersion known before the pane. ValueError on impossible counts, state as
        before.
        """
        if not 0 <= errors <= n:
            raise ValueError(f"{errors} errors in {n} labels")
        pooled = self._n + int(n)
        weight = tempering(max(pooled, 1), phi, self._cap)
        self._n, self._errors = pooled, self._errors + int(errors)
        if pooled < POOL_VALUES or not self.watching:
            return self._detector.evidence()
        log_e = weight * (self._errors * self._if_error + (pooled - self._errors) * self._if_right)
        self._n = self._errors = 0
        return self._detector.on_pane(log_e)

    def evidence(self) -> Evidence:
        return self._detector.evidence()

    def restart(self) -> None:
        self._detector.restart()
        self._n = self._errors = 0

    def snapshot(self) -> Snapshot:
        state = {"detector": self._detector.snapshot(), "n": self._n, "errors": self._errors}
        return {"schema": 1, "kind": "error-rate", "mu0": self.mu0, **state}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        require(snapshot, schema=1, kind="error-rate", mu0=self.mu0)
        self._detector.restore(snapshot["detector"])
        self._n, self._errors = snapshot["n"], snapshot["errors"]
