"""What else is known of a window: measures that people compare with other tools. Nothing alarms on them."""

from __future__ import annotations

from dataclasses import dataclass

from tiltmeter.core.drift.distances import hellinger, kullback_leibler
from tiltmeter.core.drift.effect_sizes import grouped
from tiltmeter.core.drift.homogeneity import ChiSquare, chi_square
from tiltmeter.core.drift.ks import KsDistance
from tiltmeter.core.drift.ks_p_value import ks_p_value
from tiltmeter.core.drift.normal_scores import normal_scores_z
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature


@dataclass(frozen=True, slots=True)
class FurtherMeasures:
    """``rows`` is what the window holds. ``ks_p_value`` is (at least, at most); it and ``normal_scores_z`` are None
    for categories, which have no order. NaN, and no chi-square, if a side is empty."""

    rows: int
    kullback_leibler: float
    hellinger: float
    chi_square: ChiSquare | None
    ks_p_value: tuple[float, float] | None
    normal_scores_z: float | None


def further_measures(
    profile: NumericFeature | CategoricalFeature, counts: FeatureCounts, ks: KsDistance
) -> FurtherMeasures | None:
    """Of one feature's window; None if nothing of the profile's kind has been counted. ``ks``: the
    distance of a numeric one.

    Kullback-Leibler, Hellinger and chi-square are over the groups of :func:`effect_sizes`, KS and normal scores over
    all bins. p-values take rows as independent, without regard to over-dispersion. About 60 µs.
    """
    groups = grouped(profile, counts)
    if groups is None:
        return None
    p_value = z = None
    if counts.bins is not None and isinstance(profile, NumericFeature):
        p_value = ks_p_value(ks)
        z = normal_scores_z(profile.counts, counts.bins)
    rows = int(groups[1].sum())
    return FurtherMeasures(
        rows, kullback_leibler(*groups), hellinger(*groups), chi_square(*groups), p_value, z
    )
