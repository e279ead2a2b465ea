"""Rolling performance of one (model, version, segment), from label panes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from tiltmeter.core.drift.adaptive_mean import AdaptiveMean
from tiltmeter.core.drift.adwin_gate import gate_excess
from tiltmeter.core.drift.e_detector import Evidence
from tiltmeter.core.drift.overdispersion import Overdispersion
from tiltmeter.core.drift.river_comparison import RiverComparison
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance.first_labels import FirstLabels
from tiltmeter.core.performance.losses import CLASSIFICATION, REGRESSION, Signal
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.verdicts.alert_state import ActiveAlert, AlertState, Subject, Word, withdraw_all
from tiltmeter.core.verdicts.budget import Budget
from tiltmeter.core.watch.loss_bank import LossBank

SEVERITIES = ("warning", "critical")
_GATE = "adwin"


class PerformanceWatch:
    """Proved e-detectors on several losses at two severities, and the heuristic ADWIN gate on the error itself.

    One cause is one alert per severity: the first loss to pass its threshold names the alert, whatever passes while
    it fires is told with it, and it ends when all of them are proved to be back.
    """

    def __init__(self, policy: ModelPolicy, traffic: dict[str, float] | None = None) -> None:
        """``traffic``: over-dispersion by loss, as other versions have learned it; what is learned here is written
        into it."""
        self._policy = policy
        self._traffic = {} if traffic is None else traffic
        #: Where labels are late, losses by arrival are shown but do not alarm (docs/late-labels.md).
        self._pages = policy.labels == "arrival"
        self._reference: Performance | None = None
        #: While a reference is learned from the first labels; None: not learning.
        self._first: FirstLabels | None = FirstLabels(policy.from_first) if policy.from_first else None
        self.regression = policy.task == "regression"
        self._overdispersion = self._unknown_overdispersion()
        #: Of the error itself.
        self.adwin = AdaptiveMean()
        self.comparison = RiverComparison(policy.compare) if policy.compare else None
        self._banks: dict[str, LossBank] = {}
        #: By severity, by subject. Of one severity at most one is firing.
        self._alerts: dict[str, dict[str, AlertState]] = {severity: {} for severity in SEVERITIES}
        self._gate = AlertState(policy.tolerances.clear_panes)
        #: By severity, the losses that have passed their threshold since the onset.
        self._exceeded: dict[str, list[str]] = {severity: [] for severity in SEVERITIES}
        #: What came since each alert's onset, or since it last looked bad.
        self._since = {name: Outcomes() for name in (*SEVERITIES, _GATE)}

    @property
    def _signals(self) -> Mapping[str, Signal]:
        return REGRESSION if self.regression else CLASSIFICATION

    def _borrow_overdispersion(self) -> None:
        for stream, name in enumerate(self._signals):
            if name in self._traffic:
                self._overdispersion.borrow(stream, self._traffic[name])

    def _unknown_overdispersion(self) -> Overdispersion:
        return Overdispersion(len(self._signals), 1, self._policy.tolerances.learning_panes)

    @property
    def reference(self) -> Performance | None:
        """What losses are compared with: of a reference, or learned from the first labels."""
        return self._reference

    @property
    def phi(self) -> float | None:
        """Over-dispersion of the error itself; None while it is being learned, and then it does not warn."""
        return float(self._overdispersion.phi[0]) if self._overdispersion.known[0] else None

    @property
    def subject(self) -> str:
        """The error itself."""
        return "absolute_error" if self.regression else "error_rate"

    @property
    def evidence(self) -> dict[str, Evidence]:
        """On the error itself, by severity."""
        return {severity: bank.evidence(bank.first) for severity, bank in self._banks.items()}

    def ratios(self) -> Iterator[tuple[str, str, float]]:
        """(severity, subject, log evidence over log threshold) of every loss."""
        for severity, bank in self._banks.items():
            for subject, ratio in bank.ratios():
                yield severity, subject, ratio

    def alarming_ratios(self) -> Iterator[tuple[str, str, float]]:
        """As :meth:`ratios`, of what may alarm as soon as it is 1: one side each."""
        known = self._known
        for severity, bank in self._banks.items() if self._pages else ():
            for name in bank.names():
                if known[name]:
                    yield severity, bank.subject(name), bank.evidence(name).ratio

    def compare_with(self, reference: Performance | None) -> None:
        """The reference in force from this pane on. Evidence against another one is forgotten; alerts stay until
        they resolve."""
        if reference is None or not reference.labelled or reference == self._reference:
            return
        self._reference, self._first = reference, None
        if self.regression != (reference.task == "regression"):
            self.regression = reference.task == "regression"
            self.adwin, self._overdispersion = AdaptiveMean(), self._unknown_overdispersion()
        for stream in range(len(self._signals) if reference.phi is not None else 0):
            self._overdispersion.assume(stream, reference.phi or 1.0)
        self._banks = {severity: LossBank(reference, self._policy, severity) for severity in SEVERITIES}

    def forget(self, key: PaneKey, reason: str) -> list[dict[str, Any]]:
        """Compare with nothing until there is another reference; returns the alerts that this ends."""
        ended = withdraw_all(self.alerts(), key, reason)
        self._reference, self._banks = None, {}
        self._exceeded = {severity: [] for severity in SEVERITIES}
        self._since = {name: Outcomes() for name in (*SEVERITIES, _GATE)}
        return ended

    def _learn(self, outcomes: Outcomes) -> None:
        """The first labels are taken as good (``from_first``). Classification only: capping a regression's errors
        needs a reference before the first of them."""
        if self._first is None or self.regression:
            return
        self.compare_with(self._first.on_pane(outcomes))

    def on_pane(self, key: PaneKey, outcomes: Outcomes) -> list[dict[str, Any]]:
        """A closed label pane; returns alerts to publish. Panes without labels change nothing."""
        losses = self._signals[self.subject].of_outcomes(outcomes)
        if losses.n == 0 or (self.regression and self._reference is None):
            return []
        self._learn(outcomes)
        self._borrow_overdispersion()
        self.adwin.on_pane(key, losses.n, losses.total, losses.squares)
        if self.comparison is not None:
            self.comparison.on_pane(losses.n, losses.total)
        alerts = [self._judge(severity, bank, key, outcomes) for severity, bank in self._banks.items()]
        if "warning" in self._banks:
            alerts.append(self._judge_gate(self._banks["warning"], key, outcomes))
        self._learn_overdispersion(outcomes)
        return [alert for alert in alerts if alert is not None]

    def _learn_overdispersion(self, outcomes: Outcomes) -> None:
        """After the pane has been judged: what tempers its evidence must be known before it."""
        every = [signal.of_outcomes(outcomes) for signal in self._signals.values()]
        before, used = self._overdispersion.learned.tolist(), self._phi
        self._overdispersion.on_pane(
            np.array([losses.n for losses in every]),
            np.array([[losses.total] for losses in every]),
            np.array([[losses.squares] for losses in every]),
        )
        now = self._overdispersion.learned.tolist()
        for name, was, is_learned, phi in zip(self._phi, before, now, self._phi.values(), strict=True):
            if is_learned and not was:
                self._traffic[name] = phi
                if phi > used[name]:  # what was found so far was counted for more than it is
                    for bank in self._banks.values():
                        bank.restart(name)

    @property
    def _phi(self) -> dict[str, float]:
        return dict(zip(self._signals, self._overdispersion.phi.tolist(), strict=True))

    @property
    def _known(self) -> dict[str, bool]:
        return dict(zip(self._signals, self._overdispersion.known.tolist(), strict=True))

    def _alarming(self, bank: LossBank) -> list[str]:
        """Losses beyond their threshold whose over-dispersion is known, if labels by arrival may alarm at all."""
        known = self._known
        return [name for name in bank.alarming() if known[name]] if self._pages else []

    def _judge(
        self, severity: str, bank: LossBank, key: PaneKey, outcomes: Outcomes
    ) -> dict[str, Any] | None:
        bank.on_pane(outcomes, self._phi)
        alarming, exceeded = self._alarming(bank), self._exceeded[severity]
        firing = self._firing(severity)
        if firing is None and not alarming:
            return None
        exceeded += [name for name in alarming if name not in exceeded]
        named = firing or bank.subject(alarming[0])
        state = self._alerts[severity].setdefault(named, self._alert_state())
        # Evidence fades far slower than it grew. A proof of health outweighs it; resolving restarts the detectors.
        healthy = firing is not None and self._healthy(severity, bank, exceeded, outcomes)
        word = Word(bool(alarming) and not healthy, healthy, *self._told(bank, exceeded))
        alert = state.on_pane(self._subject(severity, named, bank), key, word)
        if not state.firing:
            bank.restart()
            self._exceeded[severity], self._since[severity] = [], Outcomes()
        return alert

    def _firing(self, severity: str) -> str | None:
        return next((name for name, state in self._alerts[severity].items() if state.firing), None)

    def _told(
        self, bank: LossBank, exceeded: list[str]
    ) -> tuple[dict[str, float], str, list[dict[str, Any]]]:
        """Evidence, summary and subjects of a performance alert; the first loss that exceeded comes first."""
        known = [name for name in exceeded if bank.knows(name)] or [bank.first]
        numbers = {**bank.numbers(known[0]), "adaptive_mean": self.adwin.window.mean}
        beyond = " and ".join(bank.beyond(name) for name in known)
        summary = f"{beyond}, the reference's bound plus the tolerance"
        return numbers, summary, [bank.subject_to_wire(name) for name in known]

    def _subject(self, severity: str, named: str, bank: LossBank) -> Subject:
        promise = Budget.of(self._policy).promise(("performance",), severity)
        guarantee = (
            f"{promise} while in truth {bank.allowed()} in every pane, whatever the dependence between panes"
        )
        return Subject("performance", named, severity, "e_detector", guarantee)

    def _judge_gate(self, bank: LossBank, key: PaneKey, outcomes: Outcomes) -> dict[str, Any] | None:
        tolerances, mu0 = self._policy.tolerances, bank.mu0(bank.first)
        tolerance = tolerances.loss if self.regression else tolerances.error_rate
        arl = max(self._policy.panes_per_day * tolerances.warning_days, 2.0)
        excess = gate_excess(self.adwin.window, mu0 - tolerance, tolerance, arl)
        numbers = {
            "excess": excess,
            "adaptive_mean": self.adwin.window.mean,
            "adaptive_width": float(self.adwin.window.width),
        }
        guarantee = "heuristic: no bound on false alarms; see the e_detector alert for the proved one"
        subject = Subject("adwin_gate", self.subject, "info", "adwin_gate", guarantee)
        summary = f"{self.subject} has risen to {self.adwin.window.mean:.4f} over ADWIN's window"
        healthy = self._gate.firing and self._healthy(_GATE, bank, [bank.first], outcomes)
        alert = self._gate.on_pane(subject, key, Word(excess > 0 and self._pages, healthy, numbers, summary))
        if not self._gate.firing:
            self._since[_GATE] = Outcomes()
        return alert

    def _healthy(self, name: str, bank: LossBank, losses: list[str], outcomes: Outcomes) -> bool:
        """Does what came since the onset, or since it last looked bad, prove that all these losses are back?

        The window grows until it can tell (semantics 28); it starts over when it proves the opposite."""
        self._since[name].add(outcomes.right_or_wrong())
        within = bank.proved_within(self._since[name], losses, self._phi)
        if within is False:
            self._since[name] = Outcomes()
        return within is True

    def _alert_state(self) -> AlertState:
        return AlertState(self._policy.tolerances.clear_panes)

    def alerts(self) -> Iterator[ActiveAlert]:
        for severity in SEVERITIES:
            bank, states = self._banks.get(severity), self._alerts[severity]
            for name in dict.fromkeys([self.subject, *(bank.subjects() if bank else ()), *states]):
                state = states.get(name) or self._alert_state()
                yield ActiveAlert(("performance", name, severity), state.firing, state)
        yield ActiveAlert(("adwin_gate", self.subject, "info"), self._gate.firing, self._gate)

    def snapshot(self) -> dict[str, Any]:
        return {
            "reference": self._reference.to_wire() if self._reference else None,
            "pages": self._pages,
            **(self._first.snapshot() if self._first is not None else {"first": None}),
            "overdispersion": self._overdispersion.snapshot(),
            **self.adwin.snapshot(),
            "detectors": {severity: bank.snapshot() for severity, bank in self._banks.items()},
            "alerts": {
                severity: {name: state.snapshot() for name, state in states.items()}
                for severity, states in self._alerts.items()
            },
            "gate": self._gate.snapshot(),
            "exceeded": self._exceeded,
            "since": {name: outcomes.to_wire() for name, outcomes in self._since.items()},
        }

    def restore(self, wire: dict[str, Any]) -> None:
        known = wire["reference"]
        self.compare_with(Performance.from_wire(known) if known else None)
        if wire["first"] and self._first is not None:
            self._first.restore(wire)
        with suppress(SnapshotMismatchError):  # the task is another one now
            self._overdispersion.restore(wire["overdispersion"])
        self.adwin.restore(wire)
        for severity, bank in self._banks.items():
            bank.restore(wire["detectors"].get(severity, {}))
            if self._pages and not wire["pages"]:  # evidence that could not alarm was never restarted
                bank.restart()
        self._alerts = {
            severity: {name: self._alert_state().restore(state) for name, state in states.items()}
            for severity, states in wire["alerts"].items()
        }
        self._gate.restore(wire["gate"])
        self._exceeded = {severity: list(names) for severity, names in wire["exceeded"].items()}
        self._since = {name: Outcomes.from_wire(since) for name, since in wire["since"].items()}
