"""Drift of features and predictions of one (model, version, segment) against its reference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tiltmeter.core.drift.attribution import declared
from tiltmeter.core.drift.effect_sizes import EffectSizes, effect_sizes
from tiltmeter.core.drift.further_measures import FurtherMeasures
from tiltmeter.core.drift.ks import KsBudget
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import OUTPUT, ReferenceProfile
from tiltmeter.core.verdicts.alert_state import ActiveAlert, withdraw_all
from tiltmeter.core.verdicts.budget import Budget
from tiltmeter.core.verdicts.family_alert import FamilyAlert, Member
from tiltmeter.core.watch.distribution import Distribution, Drift, counts_of
from tiltmeter.core.watch.distribution_evidence import DistributionEvidence, Stream
from tiltmeter.core.watch.drift_screen import DriftScreen, layout_of
from tiltmeter.core.watch.onset import Finding, Onset

#: All features together are one subject: one cause is one alert.
TOGETHER = "(features)"
#: So many drifted features at once are a warning (semantics 27).
SEVERAL = 3


@dataclass(frozen=True, slots=True)
class Family:
    """Distributions that share a part of the budget and one alert."""

    members: tuple[str, ...]
    log_threshold: float
    alert: FamilyAlert


class FeatureWatch:
    """Two detectors on every distribution at two tolerances: the KS distance of a sliding window, and e-SR on the
    CDF. A feature is drifted from the first word of either to the proof of the opposite; the alert of its family
    follows."""

    def __init__(
        self, reference: ReferenceProfile, policy: ModelPolicy, traffic: dict[str, float] | None = None
    ) -> None:
        """``traffic``: over-dispersion by name, as other versions, or this one under another reference, have learned
        it; what is learned here is written into it."""
        self.reference = reference
        self._traffic = {} if traffic is None else traffic
        t = policy.tolerances
        self._tolerances = (t.feature_ks, t.feature_ks_large)
        self._clear_panes = t.clear_panes
        budget = Budget.of(policy)
        profiles = {OUTPUT: (reference.prediction,)} if reference.prediction is not None else {}
        self._watched: dict[str, Distribution] = {}
        self._families: dict[str, Family] = {}
        for family, kind, subject, members in (
            ("features", "feature_drift", TOGETHER, reference.features),
            ("prediction", "prediction_drift", OUTPUT, {name: p for name, (p,) in profiles.items()}),
        ):
            if not members:
                continue
            ks = KsBudget(budget.part(family, "ks_window").arl_panes, len(members))
            self._watched.update({name: Distribution(profile, ks) for name, profile in members.items()})
            guarantee = (
                f"{budget.promise((family,))} while every true KS distance stays within {t.feature_ks:g} in every "
                f"pane; values of a pane count as independent after division by their over-dispersion"
            )
            self._families[family] = Family(
                tuple(members),
                budget.part(family, "e_sr").log_threshold,
                FamilyAlert(kind, subject, guarantee, len(members), SEVERAL),
            )
        self._evidence = DistributionEvidence(self._watched, self._tolerances, t.learning_panes)
        self._learning = self._still_learning()
        #: How panes of the reference are laid out, for windows that :meth:`on_pane` is given.
        self.layout = layout_of(reference)
        self._screen = DriftScreen(self._watched, self.layout)
        self._onsets = {
            name: tuple(Onset() for _ in self._tolerances) for name in self._watched
        }  # by level - 1

    def on_pane(self, pane: PredictionPane, window: Window[PredictionPane]) -> list[dict[str, Any]]:
        """Judge ``pane`` and the detection window that it has entered; returns alerts to publish."""
        counts = {name: counts_of(pane, name) for name in self._watched}
        for name in self._learning:
            if name in self._traffic:
                self._evidence.borrow(name, self._traffic[name])
        phi = {name: self._evidence.phi(name) for name in self._watched}
        self._evidence.on_pane(counts)
        if self._learning:
            before, self._learning = self._learning, self._still_learning()
            self._traffic.update((n, self._evidence.phi(n)) for n in before if n not in self._learning)
        thresholds = {name: f.log_threshold for f in self._families.values() for name in f.members}
        near = {
            *self._evidence.above(thresholds),
            *((n, level) for n, of in self._onsets.items() for level, o in enumerate(of) if o.beyond),
        }
        log_m = self._evidence.log_evidence(near)
        crossed = self._crossed(log_m) if near else set()
        suspects = self._screen.beyond(window.total, phi, min(self._tolerances)) | {n for n, _ in near}
        for family in self._families.values():
            alone = family.log_threshold + math.log(len(family.members))
            for name in family.members:
                if name not in suspects:
                    continue
                of = self._watched[name]
                drift = of.drift(counts_of(window.total, name), phi[name])
                for level, tolerance in enumerate(self._tolerances):
                    stream = (name, level)
                    ahead = stream in crossed and drift.low <= tolerance
                    found = Finding(
                        drift,
                        of.drift(counts[name], phi[name]) if ahead else None,
                        tolerance,
                        stream in crossed,
                        log_m.get(stream, -math.inf),
                        alone,
                        phi[name],
                    )
                    if self._onsets[name][level].on_pane(found, counts[name], of, self._clear_panes):
                        self._evidence.restart(name, level)
        alerts = []
        for family in self._families.values():
            alerts += family.alert.on_pane(pane.key, [m for n in family.members for m in self._member(n)])
        return alerts

    def _crossed(self, log_m: Mapping[Stream, float]) -> set[Stream]:
        """Streams that e-SR declares."""
        return {
            (name, level)
            for family in self._families.values()
            for level in range(len(self._tolerances))
            for name in declared(
                {n: m for (n, at), m in log_m.items() if at == level and n in family.members},
                family.log_threshold,
                len(family.members),
            )
        }

    def _still_learning(self) -> list[str]:
        return [name for name in self._watched if not self._evidence.learned(name)]

    def _member(self, name: str) -> Iterator[Member]:
        """With the numbers of the largest tolerance it is beyond."""
        for level, onset in reversed(list(enumerate(self._onsets[name], 1))):
            if onset.beyond:
                learned = self._evidence.known(name)
                yield Member(name, level, learned, onset.upheld, onset.by, onset.numbers)
                return

    def drifted(self) -> dict[str, int]:
        """Of every feature, and the predictions under :data:`OUTPUT`: 0 within, 1 drifted, 2 largely drifted."""
        return {name: max((m.level for m in self._member(name)), default=0) for name in self._watched}

    def evidence_ratios(self, window: PredictionPane) -> Iterator[tuple[str, str, float]]:
        """(detector, name, ratio) at the smaller tolerance, ``window`` being the detection window; 1 is an alarm. A
        feature may be declared together with others at a little less."""
        log_m = self._evidence.log_evidence({(name, 0) for name in self._watched})
        for family in self._families.values():
            for name in family.members:
                drift = self._watched[name].drift(counts_of(window, name), self._evidence.phi(name))
                yield "ks_window", name, max(drift.low, 0.0) / self._tolerances[0]
                alone = family.log_threshold + math.log(len(family.members))
                yield "e_sr", name, max(log_m.get((name, 0), 0.0) / alone, 0.0)

    def near_alarm(self, window: PredictionPane, share: float) -> Iterator[tuple[str, float]]:
        """(name, ratio) as :meth:`evidence_ratios`, of those with at least ``share`` of an alarm: few are, so it
        costs a fraction. A name may come twice, by either detector."""
        alone = {
            name: family.log_threshold + math.log(len(family.members))
            for family in self._families.values()
            for name in family.members
        }
        above = self._evidence.above({name: share * threshold for name, threshold in alone.items()})
        log_m = self._evidence.log_evidence({(name, level) for name, level in above if level == 0})
        yield from ((name, m / alone[name]) for (name, _), m in log_m.items() if m >= share * alone[name])
        phi, tolerance = {name: self._evidence.phi(name) for name in self._watched}, self._tolerances[0]
        for name in self._screen.beyond(window, phi, share * tolerance):
            low = self._watched[name].drift(counts_of(window, name), phi[name]).low
            if low >= share * tolerance:
                yield name, low / tolerance

    def overdispersion(self) -> dict[str, float | None]:
        """phi by name; None while it is being learned."""
        return {n: self._evidence.phi(n) if self._evidence.known(n) else None for n in self._watched}

    def withdraw(self, key: PaneKey) -> list[dict[str, Any]]:
        """Another reference is in force: what was compared with this one is no longer asked."""
        reason = f"withdrawn: reference {self.reference.reference_id} is no longer in force"
        return withdraw_all(self.alerts(), key, reason)

    def alerts(self) -> Iterator[ActiveAlert]:
        """Every alert this reference can raise, firing or not."""
        for family in self._families.values():
            yield from family.alert.alerts()

    def drifts(self, total: PredictionPane) -> Iterator[tuple[str, Drift]]:
        """Every feature of a window, and the predictions under :data:`OUTPUT`."""
        for name, distribution in self._watched.items():
            yield name, distribution.drift(counts_of(total, name), self._evidence.phi(name))

    def effects(self, total: PredictionPane) -> Iterator[tuple[str, EffectSizes]]:
        """Effect sizes of what has been counted in a window, under the names of :meth:`drifts`."""
        for name, distribution in self._watched.items():
            sizes = effect_sizes(distribution.profile, counts_of(total, name))
            if sizes is not None:
                yield name, sizes

    def further(
        self, total: PredictionPane, drifts: Mapping[str, Drift]
    ) -> Iterator[tuple[str, FurtherMeasures]]:
        """Likewise, what few ask for; ``drifts`` of the same window."""
        for name, drift in drifts.items():
            measures = self._watched[name].further(counts_of(total, name), drift)
            if measures is not None:
                yield name, measures

    def snapshot(self) -> dict[str, Any]:
        return {
            "reference_id": self.reference.reference_id,
            "families": {name: family.alert.snapshot() for name, family in self._families.items()},
            "onsets": {name: [onset.snapshot() for onset in of] for name, of in self._onsets.items()},
            "evidence": self._evidence.snapshot(),
        }

    def restore(self, wire: dict[str, Any]) -> None:
        for name, family in self._families.items():
            family.alert.restore(wire["families"][name])
        self._onsets = {
            name: tuple(Onset.restore(onset) for onset in wire["onsets"][name]) for name in self._watched
        }
        self._evidence.restore(wire["evidence"])
        self._learning = self._still_learning()
