"""How often a model version may be alarmed about without a cause, and which detector may use how much of it.

Two budgets: warnings and below (one false alarm in ``warning_days``, 30 by default), and critical alerts (one in
``critical_days``, 365). Each (version, segment) has both.

A detector with a share w of a budget of D days may raise, on average, w false alarms in D days. That is arranged

* for an e-SR detector by the threshold c = panes_per_day · D / w: its false alarms, with a restart after each, number
  at most t / c in t panes on average, because c · alarms + M - t is a supermartingale; and
* for the KS distance of a sliding window by alpha = w / (2 · panes_per_day · D · features) per pane and feature: by
  a union bound at most t · w / (2 · panes_per_day · D) panes in t alarm on average.

Means add up whatever the detectors have to do with each other, so all false alarms together are at most (sum of
shares) ≤ 1 per D days. The split is by the four weights of the policy first, then in fixed parts; with the default
weights:

    performance   .5    e-SR of the losses at the severity's tolerances: the error rate has half of it, or |error|;
                        log loss, Brier score and calibration share the other half, or the bias has it
    prediction    .2    predictions and labels: drifted, largely drifted, each by the KS window and by e-SR, .025
    features      .2    the same over all features together, .05 by the KS window and .025 by e-SR; how they go
                        together .05, by e-SR
    quality       .1    e-SR over all rates of all features together .04, outliers .01, label coverage .05

Only performance can be critical by itself, and its share of that budget is its weight, too; the rest is kept for
detectors to come. Alerts without a proof (the ADWIN gate) and alerts that only repeat others (drift and performance
together) have no share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from tiltmeter.core.drift.e_detector import log_threshold
from tiltmeter.core.policy import ModelPolicy, Weights

#: (family, detector) → how many parts, e.g. tolerances; the weight they come from; the share of it that each has.
_WARNING = {
    ("performance", "e_sr"): (1, "performance", 1.0),
    ("prediction", "ks_window"): (2, "prediction", 1 / 8),
    ("prediction", "e_sr"): (2, "prediction", 1 / 8),
    ("label", "ks_window"): (2, "prediction", 1 / 8),
    ("label", "e_sr"): (2, "prediction", 1 / 8),
    ("features", "ks_window"): (2, "features", 1 / 4),
    ("features", "e_sr"): (2, "features", 1 / 8),
    ("joint", "e_sr"): (1, "features", 1 / 4),
    ("data_quality", "e_sr"): (1, "quality", 0.4),
    ("outliers", "e_sr"): (1, "quality", 0.1),
    ("label_coverage", "e_sr"): (1, "quality", 0.5),
}
_CRITICAL = {("performance", "e_sr"): (1, "performance", 1.0)}


@dataclass(frozen=True, slots=True)
class Part:
    """What one detector at one tolerance may use of one budget."""

    family: str
    detector: str
    severity: str  # warning: of warnings and below; critical
    share: float
    panes_per_day: float
    budget_days: float

    @property
    def days(self) -> float:
        """Days in which it may raise one false alarm on average."""
        return self.budget_days / self.share

    @property
    def arl_panes(self) -> float:
        """The same in panes; at least 2, because with less every pane may alarm."""
        return max(self.panes_per_day * self.days, 2.0)

    @property
    def log_threshold(self) -> float:
        return max(log_threshold(self.panes_per_day, self.budget_days, self.share), math.log(2.0))


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one model."""

    panes_per_day: float
    warning_days: float
    critical_days: float
    weights: Weights = field(default_factory=Weights)

    @classmethod
    def of(cls, policy: ModelPolicy) -> Budget:
        t = policy.tolerances
        return cls(policy.panes_per_day, t.warning_days, t.critical_days, policy.weights)

    def part(self, family: str, detector: str, severity: str = "warning") -> Part:
        """KeyError for a detector that has no share."""
        critical = severity == "critical"
        _, weight, share = (_CRITICAL if critical else _WARNING)[family, detector]
        share *= getattr(self.weights, weight)
        days = self.critical_days if critical else self.warning_days
        return Part(family, detector, severity, share, self.panes_per_day, days)

    def parts(self, severity: str) -> Iterator[Part]:
        """Every part of one budget, each as often as it is used."""
        for (family, detector), (times, *_) in (_CRITICAL if severity == "critical" else _WARNING).items():
            for _ in range(times):
                yield self.part(family, detector, severity)

    def promise(self, families: tuple[str, ...], severity: str = "warning") -> str:
        """Of all alerts of these families together, and of the model version; to be followed by a condition."""
        share = math.fsum(part.share for part in self.parts(severity) if part.family in families)
        days = self.critical_days if severity == "critical" else self.warning_days
        kind = "critical alerts" if severity == "critical" else "alerts"
        return (
            f"on average at most one false alarm in {days / share:g} days, "
            f"and one in {days:g} days of all {kind} of this version and segment,"
        )
