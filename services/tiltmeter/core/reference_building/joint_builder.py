"""Builds the joint profile of a reference from the rows it is built from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from tiltmeter.core.counting.fill_joint import JointRows, Mask, distances
from tiltmeter.core.drift.principal_components import main_components
from tiltmeter.core.drift.second_moments import moments
from tiltmeter.core.panes.histogram import counts_and_scores
from tiltmeter.core.panes.joint_counts import LARGEST, ONE, JointCounts
from tiltmeter.core.reference.joint_profile import MOST_JOINT_FEATURES, JointProfile
from tiltmeter.core.reference.profile import NumericFeature
from tiltmeter.core.reference_building.embedding_builder import build_embedding
from tiltmeter.events.columns import Float64, Int64

#: A feature with a larger share of its values in one bin hardly varies: its products say nothing.
_NEARLY_CONSTANT = 0.95
#: Missing cells of the chosen features may cost the reference at most this share of its rows.
_COMPLETE = 0.5
#: Fewer complete rows say too little about 190 correlations.
_FEWEST_ROWS = 100
#: Rows beyond this quantile of the reference are outliers.
_OUTLIER_QUANTILE = 0.999


def build_joint(
    columns: Mapping[str, Float64], profiles: Mapping[str, NumericFeature]
) -> JointProfile | None:
    """``columns``: float64[n] per numeric feature, NaN where missing; ``profiles``: their marginals.

    None if fewer than two features vary, or fewer than 100 rows are complete. Costs about 150 ns per value.
    """
    names = _chosen(columns, profiles)
    if len(names) < 2:
        return None
    complete = np.logical_and.reduce([np.isfinite(columns[name]) for name in names])
    values = np.stack([columns[name][complete] for name in names])
    if values.shape[1] < _FEWEST_ROWS:
        return None
    spreads = [_centre_and_scale(row) for row in values]
    d = len(names)
    profile = JointProfile(
        features=tuple(names),
        scores=tuple(_scores(profiles[name].counts) for name in names),
        counts=JointCounts.empty(d),
        components=np.empty((d, 0)),
        centres=np.array([centre for centre, _ in spreads]),
        scales=np.array([scale for _, scale in spreads]),
        threshold=0,
    )
    far = np.sort(distances(values, profile.centres, profile.scales))
    profile = replace(profile, threshold=int(far[math.ceil(_OUTLIER_QUANTILE * far.size) - 1]))
    rows = JointRows(profile, values.shape[1])
    for name, row, table in zip(names, values, profile.scores, strict=True):
        rows.put(name, row, counts_and_scores(profiles[name].edges, row, table)[1], None)
    counts = rows.counts()
    return replace(
        profile,
        counts=counts,
        components=main_components(moments(counts)),
        embedding=build_embedding(rows.complete()[0]),
    )


def _chosen(columns: Mapping[str, Float64], profiles: Mapping[str, NumericFeature]) -> list[str]:
    """Names in ascending order, of features that vary: those with the fewest missing cells first, by name among
    equals, as long as half of the rows stay complete, at most 50."""
    usable = []
    for name, profile in profiles.items():
        total = int(profile.counts.sum())
        varies = total > 0 and int(profile.counts.max()) <= _NEARLY_CONSTANT * total
        if varies and _spread(columns[name]):
            usable.append((profile.missing + profile.nonfinite, name))
    names: list[str] = []
    complete: Mask = np.ones(len(next(iter(columns.values()), ())), dtype=np.bool_)
    for _, name in sorted(usable):
        further = complete & np.isfinite(columns[name])
        if len(names) < MOST_JOINT_FEATURES and np.count_nonzero(further) >= _COMPLETE * columns[name].size:
            names.append(name)
            complete = further
    return sorted(names)


def _spread(column: Float64) -> bool:
    _, scale = _centre_and_scale(column[np.isfinite(column)])
    return scale > 0 and math.isfinite(scale) and math.isfinite(1.0 / scale)


def _centre_and_scale(values: Float64) -> tuple[float, float]:
    """Mean and standard deviation after clipping to the .1 % and 99.9 % quantiles, so that a few absurd rows do
    not make every other one look central. Sums are exact: the result depends on the set of values only."""
    ordered = np.sort(values)
    low, high = ordered[math.ceil(0.001 * ordered.size) - 1], ordered[math.ceil(0.999 * ordered.size) - 1]
    clipped = np.clip(ordered, low, high)
    try:
        centre = math.fsum(clipped.tolist()) / clipped.size
        with np.errstate(over="ignore", under="ignore"):
            squares = ((clipped - centre) ** 2).tolist()
        return centre, math.sqrt(math.fsum(squares) / clipped.size)
    except OverflowError:
        return 0.0, math.inf


def _scores(counts: Int64) -> Float64:
    """The score of each bin, float64[bins] of whole numbers (see :mod:`tiltmeter.core.reference.joint_profile`)."""
    total = int(counts.sum())
    below = np.cumsum(counts) - counts
    quantile = NormalDist().inv_cdf
    normal = []
    for before, here in zip(below.tolist(), counts.tolist(), strict=True):
        middle = min(max((2 * before + here) / (2 * total), 0.5 / total), 1.0 - 0.5 / total)
        normal.append(quantile(middle))
    weights = counts.tolist()
    mean = math.fsum(w * z for w, z in zip(weights, normal, strict=True)) / total
    spread = math.sqrt(math.fsum(w * (z - mean) ** 2 for w, z in zip(weights, normal, strict=True)) / total)
    return np.array([float(min(max(round(ONE * (z - mean) / spread), -LARGEST), LARGEST)) for z in normal])
