"""Drift of features and predictions of one (model, version, segment) against its reference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tiltmeter.core.drift.categorical import aligned_counts, categorical_distance
from tiltmeter.core.drift.categorical import at_least as categories_at_least
from tiltmeter.core.drift.effect_sizes import EffectSizes, effect_sizes
from tiltmeter.core.drift.ks import KsBudget, ks_distance
from tiltmeter.core.histogram import atomic_mask
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference import CategoricalFeature, NumericFeature, ReferenceProfile
from tiltmeter.core.verdicts import ActiveAlert, AlertState, Subject, Word, withdraw_all
from tiltmeter.core.windows import Window

#: Shares of a model's false-alarm budget (statistics 3.6).
FEATURE_SHARE, PREDICTION_SHARE = 0.2, 0.2
#: 95 % DKW margin for saying "healthy": a wrong all-clear is repaired by the next alarm.
_CLEAR = math.sqrt(math.log(2 / 0.05) / 2)
#: The name under which predictions are watched beside features.
OUTPUT = "(prediction)"
#: So many drifted features at once are a warning of their own, about this subject.
SEVERAL, TOGETHER = 3, "(features)"

Profile = NumericFeature | CategoricalFeature


@dataclass(frozen=True, slots=True)
class Drift:
    """``low`` ≤ distance of the populations (with the budget's certainty); ``estimate`` ≤ distance of the
    samples ≤ ``sample_high``; distance of the populations ≤ ``high``."""

    rows: int
    low: float
    estimate: float
    sample_high: float
    high: float


@dataclass(slots=True)
class Watched:
    """One feature, or the predictions. ``since`` holds, per alert, what came since it last looked bad."""

    profile: Profile
    kind: str
    share: float
    alerts: dict[str, AlertState] = field(default_factory=dict)
    since: dict[str, FeatureCounts] = field(default_factory=dict)


class FeatureWatch:
    """Sliding windows of panes, the drift of each feature in each window, and the alerts that follow."""

    def __init__(self, reference: ReferenceProfile, policy: ModelPolicy) -> None:
        self.reference = reference
        self._policy = policy
        self._watched = {
            name: Watched(profile, "feature_drift", FEATURE_SHARE)
            for name, profile in reference.features.items()
        }
        if reference.prediction is not None:
            self._watched[OUTPUT] = Watched(reference.prediction, "prediction_drift", PREDICTION_SHARE)
        self._atomic = {
            name: atomic_mask(w.profile.edges)
            for name, w in self._watched.items()
            if isinstance(w.profile, NumericFeature)
        }
        self._several = AlertState(policy.tolerances.clear_panes)
        for watched in self._watched.values():
            for severity in ("info", "warning"):
                watched.alerts[severity] = AlertState(policy.tolerances.clear_panes)
                watched.since[severity] = FeatureCounts()

    def on_pane(self, pane: PredictionPane, window: Window[PredictionPane]) -> list[dict[str, Any]]:
        """Judge the detection window after ``pane`` has entered it; returns alerts to publish."""
        alerts: list[dict[str, Any]] = []
        for name, watched in self._watched.items():
            drift = self._drift(name, counts_of(window.total, name))
            for severity, tolerance in self._tolerances():
                state = watched.alerts[severity]
                if state.firing:
                    watched.since[severity].add(counts_of(pane, name))
                word = self._word(name, watched, severity, drift, tolerance)
                alert = state.on_pane(self._subject(name, watched, severity, tolerance), pane.key, word)
                if alert is not None:
                    alerts.append(alert)
                if not state.firing:
                    watched.since[severity] = FeatureCounts()
        together = self._together(pane.key)
        return alerts if together is None else [*alerts, together]

    def withdraw(self, key: PaneKey) -> list[dict[str, Any]]:
        """Another reference is in force: what was compared with this one is no longer asked."""
        reason = f"withdrawn: reference {self.reference.reference_id} is no longer in force"
        return withdraw_all(self.alerts(), key, reason)

    def _together_subject(self) -> Subject:
        return Subject(
            "feature_drift",
            TOGETHER,
            "warning",
            "ks_window",
            f"fires only while {SEVERAL} features have each been shown to drift; see their own alerts",
        )

    def _together(self, key: PaneKey) -> dict[str, Any] | None:
        """One drifted feature informs; several at once warn (semantics 27). No budget of its own: it follows from
        alarms that have one."""
        drifted = [
            name for name, w in self._watched.items() if w.kind == "feature_drift" and w.alerts["info"].firing
        ]
        several = len(drifted) >= SEVERAL
        named = ", ".join(drifted[:10]) + (", ..." if len(drifted) > 10 else "")
        evidence = {"drifted": float(len(drifted)), "features": float(len(self.reference.features))}
        summary = f"{len(drifted)} features have drifted at once: {named}"
        return self._several.on_pane(
            self._together_subject(), key, Word(several, not several, evidence, summary)
        )

    def alerts(self) -> Iterator[ActiveAlert]:
        """Every alert this reference can raise, firing or not."""
        yield ActiveAlert(("feature_drift", TOGETHER, "warning"), self._several.firing, self._several)
        for name, watched in self._watched.items():
            for severity, state in watched.alerts.items():
                yield ActiveAlert((watched.kind, name, severity), state.firing, state)

    def drifts(self, total: PredictionPane) -> Iterator[tuple[str, Drift]]:
        """Every feature of a window, and the predictions under :data:`OUTPUT`."""
        for name in self._watched:
            yield name, self._drift(name, counts_of(total, name))

    def effects(self, total: PredictionPane) -> Iterator[tuple[str, EffectSizes]]:
        """Effect sizes of what has been counted in a window, under the names of :meth:`drifts`."""
        for name, watched in self._watched.items():
            sizes = effect_sizes(watched.profile, counts_of(total, name))
            if sizes is not None:
                yield name, sizes

    def _tolerances(self) -> tuple[tuple[str, float], ...]:
        t = self._policy.tolerances
        return (("info", t.feature_ks), ("warning", t.feature_ks_large))

    def _word(self, name: str, watched: Watched, severity: str, drift: Drift, tolerance: float) -> Word:
        evidence = {
            "at_least": max(drift.low, 0.0),
            "estimate": drift.estimate,
            "tolerance": tolerance,
            "rows": float(drift.rows),
        }
        alarm = drift.low > tolerance
        healthy = False
        if watched.alerts[severity].firing:
            since = self._drift(name, watched.since[severity])
            if alarm or since.low > tolerance:  # still bad: what came so far says nothing of a recovery
                watched.since[severity] = FeatureCounts()
            else:
                healthy = since.rows > 0 and since.sample_high + _CLEAR / math.sqrt(since.rows) < tolerance
        what = "the predictions have" if name == OUTPUT else f"{name} has"
        summary = f"{what} drifted: KS distance at least {drift.low:.3f}, tolerated {tolerance:g}"
        return Word(alarm, healthy, evidence, summary)

    def _subject(self, name: str, watched: Watched, severity: str, tolerance: float) -> Subject:
        days = self._policy.tolerances.warning_days
        guarantee = (
            f"at most one false alarm in {days:g} days over all {len(self._watched)} distributions of the model, "
            f"while every true KS distance stays within {tolerance:g}"
        )
        return Subject(watched.kind, name, severity, "ks_window", guarantee)

    def _drift(self, name: str, counts: FeatureCounts) -> Drift:
        watched = self._watched[name]
        arl = self._policy.panes_per_day * self._policy.tolerances.warning_days / watched.share
        members = 1 if name == OUTPUT else len(self.reference.features)
        # Two tolerances are judged with one budget.
        budget = KsBudget(arl_panes=2 * max(arl, 1.0), features=max(members, 1))
        profile = watched.profile
        if isinstance(profile, NumericFeature):
            if counts.bins is None:
                return Drift(0, -math.inf, math.nan, math.nan, math.nan)
            d = ks_distance(profile.counts, counts.bins, self._atomic[name])
            margin = budget.window_margin(d.window_rows) + budget.reference_margin(d.reference_rows)
            return Drift(d.window_rows, budget.at_least(d), d.lower, d.upper, min(1.0, d.upper + margin))
        _, ours, theirs = aligned_counts(profile.categories, profile.other, counts.categories or {})
        c = categorical_distance(ours, theirs)
        low = categories_at_least(c, budget)
        return Drift(c.window_rows, low, c.largest, c.largest, min(1.0, 2 * c.largest - low))

    def snapshot(self) -> dict[str, Any]:
        return {
            "reference_id": self.reference.reference_id,
            "several": self._several.snapshot(),
            "watched": {
                name: {
                    "since": {severity: counts.to_wire() for severity, counts in watched.since.items()},
                    "alerts": {severity: state.snapshot() for severity, state in watched.alerts.items()},
                }
                for name, watched in self._watched.items()
            },
        }

    def restore(self, wire: dict[str, Any]) -> None:
        self._several = AlertState.restore(wire["several"])
        for name, state in wire["watched"].items():
            watched = self._watched[name]
            watched.since = {s: FeatureCounts.from_wire(counts) for s, counts in state["since"].items()}
            watched.alerts = {s: AlertState.restore(a) for s, a in state["alerts"].items()}


def counts_of(pane: PredictionPane, name: str) -> FeatureCounts:
    return pane.output if name == OUTPUT else pane.features.get(name, FeatureCounts())
