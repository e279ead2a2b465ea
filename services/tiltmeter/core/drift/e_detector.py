"""The e-SR detector: a Shiryaev-Roberts recursion over e-values, averaged over alternatives.

Source: Shin, Ramdas, Rinaldo, "E-detectors" (NEJSDS 2023).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tiltmeter.core.drift.snapshot import Snapshot, require
from tiltmeter.events.columns import Float64


def log_threshold(panes_per_day: float, days: float, weight: float = 1.0) -> float:
    """ln(c / weight), c = panes_per_day * days: at most one false alarm in ``days`` days.

    ``weight`` is the detector's share of a budget split over several detectors.
    """
    if not (panes_per_day > 0 and days > 0 and 0 < weight <= 1):
        raise ValueError(f"not a budget: {panes_per_day} panes a day, {days} days, weight {weight}")
    return math.log(panes_per_day * days / weight)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a detector stands: ln M_t (-inf before any data) and the value at which it alarms."""

    log_evidence: float
    log_threshold: float

    @property
    def ratio(self) -> float:
        """Log evidence over log threshold, not below 0; 1 and more is an alarm."""
        return max(0.0, self.log_evidence / self.log_threshold)

    @property
    def alarm(self) -> bool:
        return self.log_evidence >= self.log_threshold


class EDetector:
    """M^(k)_t = L^(k)_t (M^(k)_{t-1} + 1), M_0 = 0; alarm when sum_k w_k M^(k)_t ≥ c =
    exp(``log_threshold``).

    Guarantee: if every L_t is an e-value (≥ 0, conditional mean ≤ 1 given the past), then under the null for
    ever E[panes to the first alarm] ≥ c and P(alarm within t panes) ≤ t / c, for any dependence between the
    alternatives k: M_t - t is a supermartingale, stopped at min(alarm, t). After an alarm the caller decides
    when to :meth:`restart`; until then evidence keeps growing or fades.

    Weights are positive and sum to 1. Equal panes give equal bits: reductions run left to right through the C
    library's exp and log1p, never through BLAS or a vectorised sum. About 6 µs per pane for 7 alternatives.
    """

    def __init__(self, log_threshold: float, weights: Sequence[float]) -> None:
        if not log_threshold > 0:
            raise ValueError(f"the threshold must exceed 1 pane, not exp({log_threshold})")
        if not weights or min(weights) <= 0 or not math.isclose(math.fsum(weights), 1.0):
            raise ValueError(f"weights must be positive and sum to 1, not {list(weights)}")
        self._log_threshold = log_threshold
        self._log_weights = np.array([math.log(w) for w in weights])
        self._log_m = np.full(len(weights), -np.inf)

    def on_pane(self, log_e_values: Float64) -> Evidence:
        """Advance by one pane; ``log_e_values`` float64[K], -inf allowed. Panes without data must not come
        here: each step adds 1, so they would raise evidence out of nothing.

        ValueError on NaN or +inf, and the state is as before: one such value would silence the detector for
        ever.
        """
        if log_e_values.shape != self._log_m.shape or not bool((log_e_values < np.inf).all()):
            raise ValueError(f"need {self._log_m.size} log e-values below infinity, not {log_e_values}")
        self._log_m = log_e_values + np.logaddexp(self._log_m, 0.0)
        return self.evidence()

    def evidence(self) -> Evidence:
        """As of the last pane."""
        log_m = float(np.logaddexp.reduce(self._log_weights + self._log_m))
        return Evidence(log_m, self._log_threshold)

    def restart(self) -> None:
        """M = 0: forget everything."""
        self._log_m = np.full(self._log_weights.size, -np.inf)

    def snapshot(self) -> Snapshot:
        log_m = [value if value > -math.inf else None for value in self._log_m.tolist()]
        return {"schema": 1, "kind": "e-sr", "log_m": log_m}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        require(snapshot, schema=1, kind="e-sr")
        require({"alternatives": len(snapshot["log_m"])}, alternatives=self._log_m.size)
        self._log_m = np.array([-math.inf if v is None else v for v in snapshot["log_m"]], dtype=np.float64)
