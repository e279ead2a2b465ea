"""Drift of families of distributions: two detectors on each at two tolerances, and one alert for each family."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tiltmeter.core.drift.attribution import declared
from tiltmeter.core.drift.effect_sizes import EffectSizes, effect_sizes
from tiltmeter.core.drift.further_measures import FurtherMeasures
from tiltmeter.core.drift.ks import KsBudget
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.verdicts.alert_state import ActiveAlert
from tiltmeter.core.verdicts.budget import Budget
from tiltmeter.core.verdicts.family_alert import FamilyAlert, Member
from tiltmeter.core.watch.distribution import Distribution, Drift, Profile
from tiltmeter.core.watch.distribution_evidence import DistributionEvidence, Stream
from tiltmeter.core.watch.onset import Finding, Onset

#: So many drifted distributions at once are a warning (semantics 27).
SEVERAL = 3
#: What has been counted of a distribution, by its name, in some sum of panes.
Counts = Callable[[str], FeatureCounts]


@dataclass(frozen=True, slots=True)
class Kind:
    """A family before it is watched: its part of the budget, what its alert is about, and its members' profiles."""

    family: str
    alert: str
    subject: str
    members: Mapping[str, Profile]
    called: str = ""  # an only member, in a sentence


@dataclass(frozen=True, slots=True)
class Family:
    """Distributions that share a part of the budget and one alert."""

    members: tuple[str, ...]
    log_threshold: float
    alert: FamilyAlert


class DriftFamilies:
    """The KS distance of a sliding window, and e-SR on the CDF. A distribution is drifted from the first word of
    either to the proof of the opposite; the alert of its family follows."""

    def __init__(
        self, kinds: tuple[Kind, ...], policy: ModelPolicy, traffic: dict[str, float] | None = None
    ) -> None:
        """``traffic``: over-dispersion by name, as other versions, or this one under another reference, have learned
        it; what is learned here is written into it."""
        self._traffic = {} if traffic is None else traffic
        t = policy.tolerances
        self._tolerances = (t.feature_ks, t.feature_ks_large)
        self._clear_panes = t.clear_panes
        budget = Budget.of(policy)
        self.watched: dict[str, Distribution] = {}
        self._families: dict[str, Family] = {}
        for kind in kinds:
            if not kind.members:
                continue
            ks = KsBudget(budget.part(kind.family, "ks_window").arl_panes, len(kind.members))
            self.watched.update({name: Distribution(profile, ks) for name, profile in kind.members.items()})
            guarantee = (
                f"{budget.promise((kind.family,))} while every true KS distance stays within {t.feature_ks:g} "
                "in every pane; values of a pane count as independent after division by their over-dispersion"
            )
            self._families[kind.family] = Family(
                tuple(kind.members),
                budget.part(kind.family, "e_sr").log_threshold,
                FamilyAlert(kind.alert, kind.subject, guarantee, len(kind.members), SEVERAL, kind.called),
            )
        self._evidence = DistributionEvidence(self.watched, self._tolerances, t.learning_panes)
        self._learning = self._still_learning()
        self._onsets = {
            name: tuple(Onset() for _ in self._tolerances) for name in self.watched
        }  # by level - 1

    @property
    def tolerance(self) -> float:
        """Beyond it a distribution is drifted."""
        return self._tolerances[0]

    def on_pane(
        self,
        key: PaneKey,
        counts: Mapping[str, FeatureCounts],
        window: Counts,
        suspected: Callable[[Mapping[str, float]], set[str]],
        alarms: bool = True,
    ) -> list[dict[str, Any]]:
        """Judge a pane and the detection window that it has entered; returns alerts to publish.

        ``suspected`` names, by over-dispersion, at least the distributions whose window is beyond a tolerance: only
        those are looked at. Without ``alarms`` no alert begins, and what fires ends."""
        for name in self._learning:
            if name in self._traffic:
                self._evidence.borrow(name, self._traffic[name])
        phi = {name: self._evidence.phi(name) for name in self.watched}
        self._evidence.on_pane(counts)
        if self._learning:
            before, self._learning = self._learning, self._still_learning()
            for name in before:
                if name not in self._learning:
                    self._learned(name, phi[name])
        thresholds = {name: f.log_threshold for f in self._families.values() for name in f.members}
        near = {
            *self._evidence.above(thresholds),
            *((n, level) for n, of in self._onsets.items() for level, o in enumerate(of) if o.beyond),
        }
        log_m = self._evidence.log_evidence(near)
        crossed = self._crossed(log_m) if near else set()
        suspects = suspected(phi) | {n for n, _ in near}
        for family in self._families.values():
            alone = family.log_threshold + math.log(len(family.members))
            for name in family.members:
                if name not in suspects:
                    continue
                of = self.watched[name]
                drift = of.drift(window(name), phi[name])
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
            members = [m for n in family.members for m in self._member(n)] if alarms else []
            alerts += family.alert.on_pane(key, members)
        return alerts

    def _learned(self, name: str, used: float) -> None:
        """Over-dispersion is known now. Where it is larger than what was used until now, what was found so far was
        counted for more than it is: it is counted anew."""
        phi = self._traffic[name] = self._evidence.phi(name)
        if phi > used:
            self._onsets[name] = tuple(Onset() for _ in self._tolerances)
            for level in range(len(self._tolerances)):
                self._evidence.restart(name, level)

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
        return [name for name in self.watched if not self._evidence.learned(name)]

    def _member(self, name: str) -> Iterator[Member]:
        """With the numbers of the largest tolerance it is beyond."""
        for level, onset in reversed(list(enumerate(self._onsets[name], 1))):
            if onset.beyond:
                learned = self._evidence.known(name)
                yield Member(name, level, learned, onset.upheld, onset.by, onset.numbers)
                return

    def drifted(self) -> dict[str, int]:
        """Of every distribution: 0 within, 1 drifted, 2 largely drifted."""
        return {name: max((m.level for m in self._member(name)), default=0) for name in self.watched}

    def evidence_ratios(self, window: Counts) -> Iterator[tuple[str, str, float]]:
        """(detector, name, ratio) at the smaller tolerance, ``window`` being the detection window; 1 is an alarm. A
        distribution may be declared together with others at a little less."""
        log_m = self._evidence.log_evidence({(name, 0) for name in self.watched})
        for family in self._families.values():
            for name in family.members:
                drift = self.watched[name].drift(window(name), self._evidence.phi(name))
                yield "ks_window", name, max(drift.low, 0.0) / self._tolerances[0]
                alone = family.log_threshold + math.log(len(family.members))
                yield "e_sr", name, max(log_m.get((name, 0), 0.0) / alone, 0.0)

    def near_alarm(
        self, window: Counts, share: float, suspected: Callable[[Mapping[str, float]], set[str]]
    ) -> Iterator[tuple[str, float]]:
        """(name, ratio) as :meth:`evidence_ratios`, of those with at least ``share`` of an alarm: few are, so it
        costs a fraction. A name may come twice, by either detector. ``suspected``: as in :meth:`on_pane`, at that
        share of the tolerance."""
        alone = {
            name: family.log_threshold + math.log(len(family.members))
            for family in self._families.values()
            for name in family.members
        }
        above = self._evidence.above({name: share * threshold for name, threshold in alone.items()})
        log_m = self._evidence.log_evidence({(name, level) for name, level in above if level == 0})
        yield from ((name, m / alone[name]) for (name, _), m in log_m.items() if m >= share * alone[name])
        phi = {name: self._evidence.phi(name) for name in self.watched}
        for name in suspected(phi):
            low = self.watched[name].drift(window(name), phi[name]).low
            if low >= share * self.tolerance:
                yield name, low / self.tolerance

    def phi(self, name: str) -> float:
        """Over-dispersion as it is used for the next pane of a distribution, learned or not."""
        return self._evidence.phi(name)

    def overdispersion(self) -> dict[str, float | None]:
        """phi by name; None while it is being learned."""
        return {n: self._evidence.phi(n) if self._evidence.known(n) else None for n in self.watched}

    def alerts(self) -> Iterator[ActiveAlert]:
        """Every alert these families can raise, firing or not."""
        for family in self._families.values():
            yield from family.alert.alerts()

    def drifts(self, counts: Counts) -> Iterator[tuple[str, Drift]]:
        """Of every distribution."""
        for name, distribution in self.watched.items():
            yield name, distribution.drift(counts(name), self._evidence.phi(name))

    def effects(self, counts: Counts) -> Iterator[tuple[str, EffectSizes]]:
        """Effect sizes of every distribution that has some."""
        for name, distribution in self.watched.items():
            sizes = effect_sizes(distribution.profile, counts(name))
            if sizes is not None:
                yield name, sizes

    def further(self, counts: Counts, drifts: Mapping[str, Drift]) -> Iterator[tuple[str, FurtherMeasures]]:
        """Likewise, what few ask for; ``drifts`` of the same counts."""
        for name, drift in drifts.items():
            measures = self.watched[name].further(counts(name), drift)
            if measures is not None:
                yield name, measures

    def snapshot(self) -> dict[str, Any]:
        return {
            "families": {name: family.alert.snapshot() for name, family in self._families.items()},
            "onsets": {name: [onset.snapshot() for onset in of] for name, of in self._onsets.items()},
            "evidence": self._evidence.snapshot(),
        }

    def restore(self, wire: dict[str, Any]) -> None:
        for name, family in self._families.items():
            family.alert.restore(wire["families"][name])
        self._onsets = {
            name: tuple(Onset.restore(onset) for onset in wire["onsets"][name]) for name in self.watched
        }
        self._evidence.restore(wire["evidence"])
        self._learning = self._still_learning()
