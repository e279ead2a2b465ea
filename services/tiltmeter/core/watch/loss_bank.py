"""All detectors on a model's losses at one severity. They share one part of the false-alarm budget."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.e_detector import Evidence
from tiltmeter.core.drift.error_rate import ErrorRateDetector
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.drift.upper_bounds import empirical_bernstein_upper
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.score_terms import LOG_LOSS_CAP
from tiltmeter.core.performance.losses import CLASSIFICATION, REGRESSION, Losses, Signal
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.verdicts.budget import Budget

#: Critical is so many times the warning's tolerance, but for the error rate, which has one of its own.
_CRITICAL = 2.5
_CRITICAL_REGRESSION = 2.0
#: One-sided 95 % normal quantile, for saying "healthy".
_Z = 1.645


@dataclass(slots=True)
class _Watched:
    signal: Signal
    detector: ErrorRateDetector | BoundedLossDetector
    losses: Losses = field(default_factory=Losses)  # of the last pane that had any


class LossBank:
    """One e-SR detector per signal that the reference has a baseline for; the first one is the error itself.

    Signal k has the share weight_k / (sum of weights) of the severity's part of the budget, so all of them together
    keep it, however they depend on each other. Each is one-sided; a signed loss has a detector per side, and
    what it allows includes zero, so an improvement never alarms.
    """

    def __init__(self, reference: Performance, policy: ModelPolicy, severity: str) -> None:
        self._cap = reference.cap
        signals = REGRESSION if reference.task == "regression" else CLASSIFICATION
        known = {name: s for name, s in signals.items() if s.of_reference(reference).n or name in _FIRST}
        whole = math.fsum(signal.weight for signal in known.values())
        part = Budget.of(policy).part("performance", "e_sr", severity)
        self._watched = {
            name: _Watched(
                signal,
                _detector(
                    name,
                    signal,
                    reference,
                    _tolerance(name, policy.tolerances, severity),
                    replace(part, share=part.share * signal.weight / whole).log_threshold,
                ),
            )
            for name, signal in known.items()
        }

    @property
    def first(self) -> str:
        """The error itself."""
        return next(iter(self._watched))

    def mu0(self, name: str) -> float:
        """Largest mean loss that is allowed."""
        return self._watched[name].detector.mu0

    def subject(self, name: str) -> str:
        return self._watched[name].signal.subject

    def subjects(self) -> list[str]:
        return list(dict.fromkeys(watched.signal.subject for watched in self._watched.values()))

    def on_pane(self, outcomes: Outcomes, phi: Mapping[str, float]) -> None:
        """A closed pane; signals without a loss in it stay as they are. ``phi``: by signal, over-dispersion known
        before the pane."""
        for name, watched in self._watched.items():
            losses = watched.signal.of_outcomes(outcomes)
            if losses.n == 0:
                continue
            watched.losses = losses
            detector = watched.detector
            if isinstance(detector, ErrorRateDetector):
                detector.on_pane(losses.n, int(losses.total), phi[name])
            else:
                # Terms are rounded one by one, so a sum may leave its range by half a step each.
                total, squares = (min(max(s, 0.0), losses.n) for s in (losses.total, losses.squares))
                detector.on_pane(losses.n, total, squares, phi[name])

    def evidence(self, name: str) -> Evidence:
        return self._watched[name].detector.evidence()

    def ratios(self) -> Iterator[tuple[str, float]]:
        """By subject, of its sides the larger one."""
        for subject in self.subjects():
            sides = (w for w in self._watched.values() if w.signal.subject == subject)
            yield subject, max(side.detector.evidence().ratio for side in sides)

    def alarming(self) -> list[str]:
        return [name for name, w in self._watched.items() if w.detector.evidence().alarm]

    def proved_within(self, since: Outcomes, names: Collection[str], phi: Mapping[str, float]) -> bool | None:
        """Do the outcomes prove that each of these losses is within what is allowed (True), that one of them is not
        (False), or neither (None)? Normal intervals at 95 %: a wrong all-clear is repaired by the next alarm."""
        within: bool | None = True
        for name in [n for n in names if n in self._watched] or [self.first]:
            losses, mu0 = self._watched[name].signal.of_outcomes(since), self.mu0(name)
            if losses.n == 0:
                within = None
                continue
            spread = max(losses.squares / losses.n - losses.mean**2, 1e-9)
            margin = _Z * math.sqrt(spread * phi[name] / losses.n) + 1 / losses.n
            if losses.mean - margin > mu0:
                return False
            if losses.mean + margin >= mu0:
                within = None
        return within

    def numbers(self, name: str) -> dict[str, float]:
        """What decided about one signal, in the units people know."""
        watched = self._watched[name]
        natural, losses = watched.signal.natural, watched.losses
        return {
            "evidence_ratio": min(self.evidence(name).ratio, 1e6),
            "allowed": natural(self.mu0(name), self._cap),
            "pane_mean": natural(losses.mean, self._cap) if losses.n else math.nan,
            "labels": float(losses.n),
        }

    def subject_to_wire(self, name: str) -> dict[str, Any]:
        numbers = self.numbers(name)
        return {
            "name": self.subject(name),
            "state": "above" if self._watched[name].signal.above else "below",
            "decided_by": "e_sr",
            "estimate": numbers["pane_mean"] if math.isfinite(numbers["pane_mean"]) else None,
            "tolerance": numbers["allowed"],
            "evidence_ratio": numbers["evidence_ratio"],
            "rows": numbers["labels"],
        }

    def names(self) -> list[str]:
        return list(self._watched)

    def knows(self, name: str) -> bool:
        return name in self._watched

    def beyond(self, name: str) -> str:
        """As a sentence says it: error_rate exceeds 0.0712."""
        signal = self._watched[name].signal
        return f"{signal.subject} {'exceeds' if signal.above else 'is below'} {self.numbers(name)['allowed']:.4f}"

    def allowed(self) -> str:
        """All that is allowed, as a sentence says it."""
        bounds = {name: f"{self.numbers(name)['allowed']:.4f}" for name in self._watched}
        return ", ".join(
            f"{w.signal.subject} {'≤' if w.signal.above else '≥'} {bounds[name]}"
            for name, w in self._watched.items()
        )

    def restart(self, only: str | None = None) -> None:
        """Forget the evidence, of all signals or of one."""
        for name, watched in self._watched.items():
            if only in (None, name):
                watched.detector.restart()

    def snapshot(self) -> dict[str, Any]:
        return {
            name: {
                "detector": w.detector.snapshot(),
                "losses": [w.losses.n, w.losses.total, w.losses.squares],
            }
            for name, w in self._watched.items()
        }

    def restore(self, wire: Mapping[str, Any]) -> None:
        """Evidence against another null says nothing about this one: after a change of a tolerance or of the
        reference that detector starts afresh."""
        for name, watched in self._watched.items():
            with suppress(SnapshotMismatchError, KeyError):
                watched.detector.restore(wire[name]["detector"])
                watched.losses = Losses(*wire[name]["losses"])


_FIRST = (next(iter(CLASSIFICATION)), next(iter(REGRESSION)))


def _tolerance(name: str, tolerances: Tolerances, severity: str) -> float:
    """In units of the loss, which lies in [0, 1]."""
    if name == "error_rate":
        return tolerances.error_rate if severity == "warning" else tolerances.error_rate_critical
    if name in REGRESSION:
        allowed = tolerances.loss if name == "absolute_error" else tolerances.loss / 2
        return allowed if severity == "warning" else _CRITICAL_REGRESSION * allowed
    allowed = {
        "log_loss": tolerances.log_loss / LOG_LOSS_CAP,
        "brier_score": tolerances.brier_score,
    }.get(name, tolerances.calibration / 2)
    return allowed if severity == "warning" else _CRITICAL * allowed


def _detector(
    name: str, signal: Signal, reference: Performance, tolerance: float, log_threshold: float
) -> ErrorRateDetector | BoundedLossDetector:
    if name == "error_rate":
        return ErrorRateDetector.from_reference(
            reference.errors, reference.labelled, tolerance, log_threshold
        )
    losses = signal.of_reference(reference)
    upper = empirical_bernstein_upper(losses.n, losses.total, losses.squares)
    mean = min(max(losses.mean, 0.0), 1.0) if losses.n else 0.5
    return BoundedLossDetector(max(upper, signal.neutral) + tolerance, mean, log_threshold)
