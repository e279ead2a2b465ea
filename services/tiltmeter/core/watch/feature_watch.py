"""Drift of features and predictions of one (model, version, segment) against its reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from tiltmeter.core.drift.effect_sizes import EffectSizes
from tiltmeter.core.drift.further_measures import FurtherMeasures
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import OUTPUT, ReferenceProfile
from tiltmeter.core.verdicts.alert_state import ActiveAlert, withdraw_all
from tiltmeter.core.watch.distribution import Drift, counts_of
from tiltmeter.core.watch.drift_families import DriftFamilies, Kind
from tiltmeter.core.watch.drift_screen import DriftScreen, layout_of

#: All features together are one subject: one cause is one alert.
TOGETHER = "(features)"


class FeatureWatch:
    """:class:`DriftFamilies` of the features and of the predictions, on the timeline of predictions."""

    def __init__(
        self, reference: ReferenceProfile, policy: ModelPolicy, traffic: dict[str, float] | None = None
    ) -> None:
        """``traffic``: see :class:`DriftFamilies`."""
        self.reference = reference
        output = {OUTPUT: reference.prediction} if reference.prediction is not None else {}
        self._families = DriftFamilies(
            (
                Kind("features", "feature_drift", TOGETHER, reference.features),
                Kind("prediction", "prediction_drift", OUTPUT, output, "the predictions have"),
            ),
            policy,
            traffic,
        )
        #: How panes of the reference are laid out, for windows that :meth:`on_pane` is given.
        self.layout = layout_of(reference)
        self._screen = DriftScreen(self._families.watched, self.layout)

    def on_pane(self, pane: PredictionPane, window: Window[PredictionPane]) -> list[dict[str, Any]]:
        """Judge ``pane`` and the detection window that it has entered; returns alerts to publish."""

        def suspected(phi: Mapping[str, float]) -> set[str]:
            return self._screen.beyond(window.total, phi, self._families.tolerance)

        counts = {name: counts_of(pane, name) for name in self._families.watched}
        return self._families.on_pane(pane.key, counts, partial(counts_of, window.total), suspected)

    def drifted(self) -> dict[str, int]:
        """Of every feature, and the predictions under :data:`OUTPUT`: 0 within, 1 drifted, 2 largely drifted."""
        return self._families.drifted()

    def evidence_ratios(self, window: PredictionPane) -> Iterator[tuple[str, str, float]]:
        """:meth:`DriftFamilies.evidence_ratios`, ``window`` being the sum over the detection window."""
        return self._families.evidence_ratios(partial(counts_of, window))

    def near_alarm(self, window: PredictionPane, share: float) -> Iterator[tuple[str, float]]:
        """:meth:`DriftFamilies.near_alarm`, ``window`` being the sum over the detection window."""

        def suspected(phi: Mapping[str, float]) -> set[str]:
            return self._screen.beyond(window, phi, share * self._families.tolerance)

        return self._families.near_alarm(partial(counts_of, window), share, suspected)

    def overdispersion(self) -> dict[str, float | None]:
        """phi by name; None while it is being learned."""
        return self._families.overdispersion()

    def joint_overdispersion(self) -> tuple[float, bool]:
        """The largest of the joint profile's features, as it is used for the next pane, and whether all are known."""
        joint = self.reference.joint
        known = self._families.overdispersion()
        names = joint.features if joint is not None else ()
        return max(map(self._families.phi, names), default=1.0), all(
            known[name] is not None for name in names
        )

    def drifts(self, total: PredictionPane) -> Iterator[tuple[str, Drift]]:
        """Every feature of a window, and the predictions under :data:`OUTPUT`."""
        return self._families.drifts(partial(counts_of, total))

    def effects(self, total: PredictionPane) -> Iterator[tuple[str, EffectSizes]]:
        """Effect sizes of what has been counted in a window, under the names of :meth:`drifts`."""
        return self._families.effects(partial(counts_of, total))

    def further(
        self, total: PredictionPane, drifts: Mapping[str, Drift]
    ) -> Iterator[tuple[str, FurtherMeasures]]:
        """Likewise, what few ask for; ``drifts`` of the same window."""
        return self._families.further(partial(counts_of, total), drifts)

    def alerts(self) -> Iterator[ActiveAlert]:
        """Every alert this reference can raise, firing or not."""
        return self._families.alerts()

    def withdraw(self, key: PaneKey) -> list[dict[str, Any]]:
        """Another reference is in force: what was compared with this one is no longer asked."""
        reason = f"withdrawn: reference {self.reference.reference_id} is no longer in force"
        return withdraw_all(self.alerts(), key, reason)

    def snapshot(self) -> dict[str, Any]:
        return {"reference_id": self.reference.reference_id, **self._families.snapshot()}

    def restore(self, wire: dict[str, Any]) -> None:
        self._families.restore(wire)
