"""Drift of the labels themselves (target drift), on the timeline of labels.

The share of positives rises, or prices do, while the model is as good as it was: accuracy need not move, and what the
model was trained for has. Classes are compared by their shares; numbers by their distribution over the bins of the
version's first reference, which panes count.

A label counts as it was first told. Corrections come to whom they come to, and would bend what has been judged
(semantics 11 and 12), so they change only what is shown of the windows. Where labels come late, and how late depends
on what they say, the distribution by arrival moves with traffic: with ``labels = "maturity"`` it is shown, and alarms
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tiltmeter.core.drift.effect_sizes import EffectSizes
from tiltmeter.core.drift.further_measures import FurtherMeasures
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import (
    LABEL,
    CategoricalFeature,
    NumericFeature,
    Performance,
    Profile,
)
from tiltmeter.core.verdicts.alert_state import ActiveAlert
from tiltmeter.core.watch.distribution import Drift
from tiltmeter.core.watch.drift_families import DriftFamilies, Kind


class LabelWatch:
    """:class:`DriftFamilies` of one member, :data:`LABEL`."""

    def __init__(
        self, profile: Profile, policy: ModelPolicy, width_ms: int, traffic: dict[str, float] | None = None
    ) -> None:
        """``traffic``: see :class:`DriftFamilies`."""
        self._profile = profile
        self._alarms = policy.labels == "arrival"
        kind = Kind("label", "label_drift", LABEL, {LABEL: profile}, "the labels have")
        self._families = DriftFamilies((kind,), policy, traffic)
        panes = policy.windows[policy.detection_window]
        #: Labels as they were first told.
        self._window: Window[FeatureCounts] = Window(panes, width_ms, FeatureCounts)

    @classmethod
    def of(
        cls,
        reference: Performance,
        first: Performance | None,
        policy: ModelPolicy,
        width_ms: int,
        traffic: dict[str, float] | None = None,
    ) -> LabelWatch | None:
        """Panes count numbers over the bins of the version's ``first`` reference, and name the classes that it names.
        None if the reference says nothing of labels, or of numbers over other bins."""
        profile = reference.label_profile()
        if isinstance(profile, NumericFeature) and (
            first is None or first.label_edges != reference.label_edges
        ):
            return None
        if isinstance(profile, CategoricalFeature) and first is not None and first.classes:
            named = {name: n for name, n in profile.categories.items() if name in first.classes}
            unnamed = sum(profile.categories.values()) - sum(named.values())
            profile = replace(profile, categories=named, other=profile.other + unnamed)
        return cls(profile, policy, width_ms, traffic) if profile is not None else None

    def on_pane(self, key: PaneKey, outcomes: Outcomes) -> list[dict[str, Any]]:
        """A closed label pane, without corrections; returns alerts to publish. Without labels it changes nothing."""
        counts = self._counts(outcomes, LABEL)
        if counts.bins is None and not counts.categories:
            return []
        self._window.add(key.start_ms, counts)
        total = self._window.total
        return self._families.on_pane(
            key, {LABEL: counts}, lambda _: total, lambda _: {LABEL}, alarms=self._alarms
        )

    def _counts(self, outcomes: Outcomes, _name: str) -> FeatureCounts:
        if isinstance(self._profile, NumericFeature):
            size = self._profile.counts.size
            # Beyond lie labels that were counted over other bins, before the first reference was replaced.
            targets = {place: n for place, n in outcomes.targets.items() if place < size}
            if not targets:
                return FeatureCounts()
            bins = np.zeros(size, dtype=np.int64)
            bins[list(targets)] = list(targets.values())
            return FeatureCounts(bins=bins)
        classes: dict[str, int] = {}
        for (_, actual), n in outcomes.confusion.items():
            classes[actual] = classes.get(actual, 0) + n
        return FeatureCounts(categories=classes)

    @property
    def profile(self) -> Profile:
        """What labels are compared with."""
        return self._profile

    def counts(self, total: Outcomes) -> FeatureCounts:
        """Labels of a sum of panes, as they are counted against :attr:`profile`."""
        return self._counts(total, LABEL)

    def drifted(self) -> dict[str, int]:
        """0 within, 1 drifted, 2 largely drifted, under :data:`LABEL`."""
        return self._families.drifted()

    def evidence_ratios(self) -> Iterator[tuple[str, str, float]]:
        """:meth:`DriftFamilies.evidence_ratios`."""
        total = self._window.total
        return self._families.evidence_ratios(lambda _: total)

    def near_alarm(self, share: float) -> Iterator[tuple[str, float]]:
        """:meth:`DriftFamilies.near_alarm`; nothing where labels raise no alarm."""
        total = self._window.total
        return (
            self._families.near_alarm(lambda _: total, share, lambda _: {LABEL}) if self._alarms else iter(())
        )

    def overdispersion(self) -> dict[str, float | None]:
        """phi under :data:`LABEL`; None while it is being learned."""
        return self._families.overdispersion()

    def drifts(self, total: Outcomes) -> Iterator[tuple[str, Drift]]:
        """Of a sum of panes, with what has been corrected since."""
        return self._families.drifts(partial(self._counts, total))

    def effects(self, total: Outcomes) -> Iterator[tuple[str, EffectSizes]]:
        """Likewise, effect sizes."""
        return self._families.effects(partial(self._counts, total))

    def further(self, total: Outcomes, drifts: Mapping[str, Drift]) -> Iterator[tuple[str, FurtherMeasures]]:
        """Likewise, what few ask for; ``drifts`` of the same total."""
        return self._families.further(partial(self._counts, total), drifts)

    def alerts(self) -> Iterator[ActiveAlert]:
        """The alerts about labels, firing or not."""
        return self._families.alerts()

    def snapshot(self) -> dict[str, Any]:
        return {"window": self._window.snapshot(), "alarms": self._alarms, **self._families.snapshot()}

    def restore(self, wire: dict[str, Any]) -> None:
        self._window.restore(wire["window"], FeatureCounts.from_wire)
        # Evidence that could not alarm was never restarted: it may be of a time that is long over.
        if wire["alarms"] or not self._alarms:
            self._families.restore(wire)
