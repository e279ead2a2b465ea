"""Are cells of features what they should be? One alert for all of them, with a false-alarm budget."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tiltmeter.core.drift.attribution import declared
from tiltmeter.core.drift.error_rate import STEPS
from tiltmeter.core.drift.rate_bank import RateBank
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.drift.upper_bounds import clopper_pearson_upper
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.verdicts.alert_state import ActiveAlert, AlertState, Subject, Word, withdraw_all
from tiltmeter.core.verdicts.budget import Budget
from tiltmeter.core.verdicts.family_alert import LISTED, NAMED
from tiltmeter.core.watch.feature_watch import TOGETHER
from tiltmeter.core.watch.quality_rates import QualityRates

#: One-sided confidence for saying "within" or "still beyond": a wrong all-clear is repaired by the next alarm.
_CLEAR = 0.95


@dataclass(slots=True)
class Excess:
    """A rate that is beyond what is allowed. ``n`` and ``hits`` came since it last looked bad: a window that grows,
    so that a quiet model can be cleared, too (semantics 28)."""

    peak: float
    numbers: dict[str, float]
    upheld: bool = True
    n: int = 0
    hits: int = 0
    healthy_panes: int = 0

    def cleared(self, allowed: float, n: int, hits: int, log_m: float, clear_panes: int) -> bool:
        """After a further pane with n cells, ``hits`` of them bad: is it proved to be within again?"""
        self.n, self.hits = self.n + n, self.hits + hits
        still = self.n > 0 and 1.0 - clopper_pearson_upper(self.n - self.hits, self.n, _CLEAR) > allowed
        # Evidence fades far slower than it grew, so it only counts as bad while it rises.
        self.upheld = still or log_m > max(self.peak, 0.0)
        if self.upheld:
            self.n = self.hits = self.healthy_panes = 0
            self.peak = max(self.peak, log_m)
        elif self.n > 0 and clopper_pearson_upper(self.hits, self.n, _CLEAR) < allowed:
            self.healthy_panes += 1
        else:
            self.healthy_panes = 0
        return self.healthy_panes >= clear_panes


class QualityWatch:
    """e-SR on every rate of :class:`QualityRates` at once (see :class:`RateBank`), declared by e-d-BH.

    Guarantee: :meth:`Budget.promise` of the family, while every conditional rate stays within what is allowed,
    whatever depends on what; with probability .995 per rate over the draw of the reference. Over-dispersion is not
    divided out: a pane in which cells are missing in a burst is beyond the tolerance, so nothing has to be learned
    first. Without a reference only expectations are watched. Cost: see tests/bench/bench_statistics.py.
    """

    def __init__(self, reference: ReferenceProfile | None, policy: ModelPolicy) -> None:
        self.reference_id = "" if reference is None else reference.reference_id
        self._clear_panes = policy.tolerances.clear_panes
        self._rates = QualityRates(reference, tuple(policy.expectations), policy.tolerances.quality)
        allowed = np.array([rate.allowed for rate in self._rates.rates], dtype=np.float64)
        self._bank = RateBank(allowed[:, None], STEPS)
        self._watched = int(np.count_nonzero(self._bank.watching))
        self._beyond: dict[int, Excess] = {}
        self._alert = AlertState(clear_panes=1)  # the rates have each waited until they were clear
        budget = Budget.of(policy)
        self._log_threshold = budget.part("data_quality", "e_sr").log_threshold
        self._guarantee = (
            f"{budget.promise(('data_quality',))} while every rate stays within what is allowed in every pane, "
            f"whatever the dependence between cells, features and panes"
        )

    def on_pane(self, pane: PredictionPane) -> list[dict[str, Any]]:
        """A closed pane with its missing cells filled in; returns alerts to publish. Where nothing is asked any more,
        what fires ends."""
        if not self._rates.rates:
            ended = self._alert.withdraw(pane.key, "withdrawn: nothing is expected of features any more")
            return [ended] if ended is not None else []
        n, hits = self._rates.counts(pane)
        self._bank.on_pane(n, hits[:, None], np.ones(n.size))
        near = self._bank.bound() >= self._log_threshold
        near[list(self._beyond)] = True
        log_m = self._bank.log_evidence(near).tolist()
        evidence = {f"{k:06d}": log_m[k] for k in near.nonzero()[0].tolist()}
        found = [int(name) for name in declared(evidence, self._log_threshold, self._watched)]
        new = [k for k in found if k not in self._beyond]
        for k, excess in list(self._beyond.items()):
            seen = (int(n[k]), int(hits[k]))
            if excess.cleared(self._rates.rates[k].allowed, *seen, log_m[k], self._clear_panes):
                del self._beyond[k]
                self._bank.restart(k)
            elif excess.upheld and seen[0]:
                excess.numbers = self._numbers(k, *seen, log_m[k])
        for k in new:
            self._beyond[k] = Excess(log_m[k], self._numbers(k, int(n[k]), int(hits[k]), log_m[k]))
        return self._tell(pane.key)

    def _numbers(self, k: int, n: int, hits: int, log_m: float) -> dict[str, float]:
        alone = self._log_threshold + math.log(self._watched)
        return {
            "estimate": hits / n if n else 0.0,
            "tolerance": self._rates.rates[k].allowed,
            "evidence_ratio": min(max(log_m / alone, 0.0), 1e6),
            "rows": float(n),
        }

    def _tell(self, key: PaneKey) -> list[dict[str, Any]]:
        state, bad = self._alert, self._beyond
        if not bad and not state.firing:
            return []
        ranked = sorted(bad, key=lambda k: (-bad[k].numbers["evidence_ratio"], k))
        now = [self._subject(k) for k in ranked]
        named = {(s["name"], s["state"]) for s in now}
        gone = [s for s in (state.subjects if state.firing else []) if (s["name"], s["state"]) not in named]
        alarm = bool(bad) and (not state.firing or any(excess.upheld for excess in bad.values()))
        evidence = {"rates": float(len(bad)), "of": float(self._watched)}
        told = [
            f"{s['name']} {s['state']} {100 * s['estimate']:.1f} % (allowed {100 * s['tolerance']:.1f} %)"
            for s in now[:NAMED]
        ]
        summary = f"cells are not what they should be: {', '.join(told)}" + (
            ", ..." if len(now) > NAMED else ""
        )
        word = Word(alarm, not bad, evidence, summary, [*now, *gone][:LISTED])
        subject = Subject("data_quality", TOGETHER, "warning", "e_sr", self._guarantee)
        alert = state.on_pane(subject, key, word)
        return [alert] if alert is not None else []

    def _subject(self, k: int) -> dict[str, Any]:
        rate = self._rates.rates[k]
        name = rate.feature[:256] or "(unnamed)"
        return {"name": name, "state": rate.state, "decided_by": "e_sr", **self._beyond[k].numbers}

    def beyond(self) -> dict[str, list[str]]:
        """States that are beyond what is allowed now, by feature."""
        found: dict[str, list[str]] = {}
        for k in sorted(self._beyond):
            found.setdefault(self._rates.rates[k].feature, []).append(self._rates.rates[k].state)
        return found

    def evidence_ratios(self) -> dict[str, float]:
        """Log evidence over log threshold of the worst state, by feature; 1 alone is an alarm."""
        alone = self._log_threshold + math.log(max(self._watched, 1))
        ratios: dict[str, float] = {}
        for rate, log_m in zip(self._rates.rates, self._bank.log_evidence().tolist(), strict=True):
            ratios[rate.feature] = max(ratios.get(rate.feature, 0.0), log_m / alone)
        return ratios

    def alerts(self) -> Iterator[ActiveAlert]:
        """The one alert there is, firing or not; none if nothing is watched."""
        if self._watched:
            yield ActiveAlert(("data_quality", TOGETHER, "warning"), self._alert.firing, self._alert)

    def withdraw(self, key: PaneKey) -> list[dict[str, Any]]:
        """Another reference is in force: what was compared with this one is no longer asked."""
        return withdraw_all(self.alerts(), key, "withdrawn: another reference is in force")

    def snapshot(self) -> dict[str, Any]:
        return {
            "reference_id": self.reference_id,
            "alert": self._alert.snapshot(),
            "bank": self._bank.snapshot(),
            "beyond": [[k, asdict(excess)] for k, excess in sorted(self._beyond.items())],
        }

    def restore(self, wire: dict[str, Any]) -> None:
        """What was counted against another null is forgotten, and its alert ends with the next pane."""
        self._alert.restore(wire["alert"])
        with suppress(SnapshotMismatchError):
            self._bank.restore(wire["bank"])
            self._beyond = {k: Excess(**excess) for k, excess in wire["beyond"]}
