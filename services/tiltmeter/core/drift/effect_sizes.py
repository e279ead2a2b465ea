"""How far a window is from the reference, in the units people know: for gauges, nothing alarms on them."""

from __future__ import annotations

from dataclasses import dataclass

from tiltmeter.core.drift.categorical import aligned_counts
from tiltmeter.core.drift.distances import coarsen, jensen_shannon, psi, wasserstein
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature
from tiltmeter.events.columns import Int64


@dataclass(frozen=True, slots=True)
class EffectSizes:
    """``rows`` is what the window holds; ``wasserstein`` is None for categories, which have no distance from one to
    another. NaN if a side is empty."""

    rows: int
    psi: float
    jensen_shannon: float
    wasserstein: float | None


def effect_sizes(profile: NumericFeature | CategoricalFeature, counts: FeatureCounts) -> EffectSizes | None:
    """Of one feature's window; None if nothing of the profile's kind has been counted.

    PSI and Jensen-Shannon of numbers are over ten groups of equal reference mass, those of categories over the
    reference's categories and one group for all others. Wasserstein uses all bins. About 80 µs.
    """
    groups = grouped(profile, counts)
    if groups is None:
        return None
    moved = None
    if isinstance(profile, NumericFeature) and counts.bins is not None:
        moved = wasserstein(profile.edges, profile.counts, counts.bins, profile.minimum, profile.maximum)
    return EffectSizes(int(groups[1].sum()), psi(*groups), jensen_shannon(*groups), moved)


def grouped(
    profile: NumericFeature | CategoricalFeature, counts: FeatureCounts
) -> tuple[Int64, Int64] | None:
    """(reference, window) as :func:`effect_sizes` compares them, int64[at most 10] or one per category and one."""
    if isinstance(profile, CategoricalFeature):
        return aligned_counts(profile.categories, profile.other, counts.categories or {})[1:]
    return None if counts.bins is None else coarsen(profile.counts, counts.bins)
