"""Evidence that distributions are beyond their tolerances, for all features and the predictions at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from tiltmeter.core.drift.category_detector import CategoryDetector
from tiltmeter.core.drift.cdf_detector import CdfDetector
from tiltmeter.core.drift.overdispersion import Overdispersion
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature
from tiltmeter.core.watch.distribution import Distribution

#: A distribution at one of the tolerances, counted from 0.
Stream = tuple[str, int]


class DistributionEvidence:
    """e-SR detectors over the CDFs of numeric and the shares of categorical distributions, at every tolerance, and
    the over-dispersion of each distribution. A distribution of which the reference holds no value is left out."""

    def __init__(
        self, watched: Mapping[str, Distribution], tolerances: Sequence[float], learning_panes: int
    ) -> None:
        numeric = [(n, d) for n, d in watched.items() if isinstance(d.profile, NumericFeature)]
        categorical = [(n, d) for n, d in watched.items() if isinstance(d.profile, CategoricalFeature)]
        numeric = [(n, d) for n, d in numeric if d.reference_margin < math.inf]
        categorical = [(n, d) for n, d in categorical if d.reference_margin < math.inf]
        self._tolerances = len(tolerances)
        self._numeric = [name for name, _ in numeric]
        self._categorical = [name for name, _ in categorical]
        self._cdf = CdfDetector(
            [d.profile.counts for _, d in numeric if isinstance(d.profile, NumericFeature)],
            tolerances,
            [d.reference_margin for _, d in numeric],
        )
        self._shares = CategoryDetector(
            [
                (d.profile.categories, d.profile.other)
                for _, d in categorical
                if isinstance(d.profile, CategoricalFeature)
            ],
            tolerances,
            [d.reference_margin for _, d in categorical],
        )
        self._cdf_phi = Overdispersion(len(numeric), self._cdf.events, learning_panes)
        self._shares_phi = Overdispersion(len(categorical), self._shares.events, learning_panes)
        self._places = {
            name: (learner, i)
            for names, learner in ((self._numeric, self._cdf_phi), (self._categorical, self._shares_phi))
            for i, name in enumerate(names)
        }
        for name, distribution in watched.items():
            if distribution.profile.phi is not None:
                self.assume(name, distribution.profile.phi)

    def on_pane(self, counts: Mapping[str, FeatureCounts]) -> None:
        """A closed pane, by name. The over-dispersion used is the one known before it."""
        if self._numeric:
            n, below = self._cdf.below([counts[name].bins for name in self._numeric])
            self._cdf.on_pane(n, below, self._cdf_phi.phi)
            self._cdf_phi.on_pane(n, below)
        if self._categorical:
            n, values = self._shares.shares([counts[name].categories for name in self._categorical])
            self._shares.on_pane(n, values, self._shares_phi.phi)
            self._shares_phi.on_pane(n, values)

    def phi(self, name: str) -> float:
        learner, place = self._phi_of(name)
        return float(learner.phi[place]) if place is not None else 1.0

    def known(self, name: str) -> bool:
        """Is the over-dispersion of this distribution known?"""
        learner, place = self._phi_of(name)
        return place is None or bool(learner.known[place])

    def learned(self, name: str) -> bool:
        """And from the panes of this version itself, or from its reference?"""
        learner, place = self._phi_of(name)
        return place is None or bool(learner.learned[place])

    def borrow(self, name: str, phi: float) -> None:
        """Use what another version has learned, until it is learned here."""
        learner, place = self._phi_of(name)
        if place is not None:
            learner.borrow(place, phi)

    def assume(self, name: str, phi: float) -> None:
        learner, place = self._phi_of(name)
        if place is not None:
            learner.assume(place, phi)

    def log_evidence(self, wanted: Collection[Stream]) -> dict[Stream, float]:
        """ln M of the wanted streams."""
        if not wanted:
            return {}
        mask = np.array([stream in wanted for stream in self._streams()], dtype=np.bool_)
        first = self._cdf.bank.streams
        cdf = self._cdf.bank.log_evidence(mask[:first]).tolist()
        shares = self._shares.bank.log_evidence(mask[first:]).tolist()
        return {
            s: value
            for s, value, want in zip(self._streams(), [*cdf, *shares], mask.tolist(), strict=True)
            if want
        }

    def above(self, log_threshold: Mapping[str, float]) -> list[Stream]:
        """Streams that may have reached ``log_threshold`` of their distribution; all others have not."""
        bounds = [*self._cdf.bank.bound().tolist(), *self._shares.bank.bound().tolist()]
        return [
            stream
            for stream, bound in zip(self._streams(), bounds, strict=True)
            if bound >= log_threshold[stream[0]]
        ]

    def restart(self, name: str, level: int) -> None:
        """Forget the evidence of one stream."""
        if name in self._numeric:
            self._cdf.bank.restart(level * len(self._numeric) + self._numeric.index(name))
        elif name in self._categorical:
            self._shares.bank.restart(level * len(self._categorical) + self._categorical.index(name))

    def _streams(self) -> Iterator[Stream]:
        for names in (self._numeric, self._categorical):
            for level in range(self._tolerances):
                for name in names:
                    yield name, level

    def _phi_of(self, name: str) -> tuple[Overdispersion, int | None]:
        place = self._places.get(name)
        return (self._cdf_phi, None) if place is None else place

    def snapshot(self) -> dict[str, Any]:
        return {
            "numeric": self._numeric,
            "categorical": self._categorical,
            "cdf": self._cdf.bank.snapshot(),
            "shares": self._shares.bank.snapshot(),
            "cdf_phi": self._cdf_phi.snapshot(),
            "shares_phi": self._shares_phi.snapshot(),
        }

    def restore(self, wire: dict[str, Any]) -> None:
        """Evidence against another null says nothing about this one: after a change of tolerances the detectors start
        afresh, and what is known of over-dispersion stays."""
        if (wire["numeric"], wire["categorical"]) != (self._numeric, self._categorical):
            return
        for part, state in (
            (self._cdf.bank, "cdf"),
            (self._shares.bank, "shares"),
            (self._cdf_phi, "cdf_phi"),
            (self._shares_phi, "shares_phi"),
        ):
            with suppress(SnapshotMismatchError):
                part.restore(wire[state])
