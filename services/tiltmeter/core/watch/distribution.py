"""What is compared with a reference: one feature, or the predictions, in any sum of panes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tiltmeter.core.drift.categorical import aligned_counts, categorical_distance
from tiltmeter.core.drift.categorical import at_least as categories_at_least
from tiltmeter.core.drift.further_measures import FurtherMeasures, further_measures
from tiltmeter.core.drift.ks import KsBudget, KsDistance, ks_distance
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram import atomic_mask
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.reference.profile import OUTPUT, CategoricalFeature, NumericFeature

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


class Distribution:
    """A profile of the reference, and how sure its family's budget wants one to be."""

    def __init__(self, profile: Profile, budget: KsBudget) -> None:
        self.profile = profile
        self._budget = budget
        self._atomic = atomic_mask(profile.edges) if isinstance(profile, NumericFeature) else None

    def drift(self, counts: FeatureCounts, phi: float) -> Drift:
        """Kolmogorov-Smirnov distance of a numeric, largest change of a share of a categorical distribution;
        ``phi`` is the over-dispersion of its panes."""
        profile, budget = self.profile, self._budget
        if isinstance(profile, NumericFeature):
            if counts.bins is None or self._atomic is None:
                return Drift(0, -math.inf, math.nan, math.nan, math.nan)
            d = ks_distance(profile.counts, counts.bins, self._atomic)
            margin = budget.window_margin(d.window_rows, phi) + budget.reference_margin(d.reference_rows)
            return Drift(d.window_rows, budget.at_least(d, phi), d.lower, d.upper, min(1.0, d.upper + margin))
        _, ours, theirs = aligned_counts(profile.categories, profile.other, counts.categories or {})
        c = categorical_distance(ours, theirs)
        low = categories_at_least(c, budget, phi)
        return Drift(c.window_rows, low, c.largest, c.largest, min(1.0, 2 * c.largest - low))

    def further(self, counts: FeatureCounts, drift: Drift) -> FurtherMeasures | None:
        """``drift`` of these counts; None if nothing of the profile's kind has been counted."""
        profile = self.profile
        reference_rows = int(profile.counts.sum()) if isinstance(profile, NumericFeature) else 0
        ks = KsDistance(drift.estimate, drift.sample_high, drift.rows, reference_rows)
        return further_measures(profile, counts, ks)

    @property
    def margin_of_one(self) -> float:
        """What :meth:`KsBudget.window_margin` takes the root of, for one independent row, before it is halved."""
        return math.log(2.0 / self._budget.alpha)

    @property
    def reference_margin(self) -> float:
        """How far the reference's own sample may lie from its population, at every point; inf without rows."""
        profile, budget = self.profile, self._budget
        if isinstance(profile, NumericFeature):
            return budget.reference_margin(int(profile.counts.sum()))
        rows = sum(profile.categories.values()) + profile.other
        if rows == 0:
            return math.inf
        choices = len(profile.categories) + 1
        return math.sqrt(math.log(2.0 * choices * budget.features / budget.delta_ref) / (2.0 * rows))


def counts_of(pane: PredictionPane, name: str) -> FeatureCounts:
    return pane.output if name == OUTPUT else pane.features.get(name, FeatureCounts())
