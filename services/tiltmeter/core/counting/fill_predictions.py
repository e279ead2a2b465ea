"""From columns to prediction panes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from tiltmeter.core.counting.fill_joint import JointRows, Mask
from tiltmeter.core.counting.fill_unreferenced import count_unreferenced
from tiltmeter.core.counting.known_categories import OTHER, by_known
from tiltmeter.core.expectations import Expectation, count_violations
from tiltmeter.core.panes.feature_counts import (
    NONFINITE,
    OK,
    OUT_OF_RANGE,
    TYPE_ERROR,
    UNSEEN,
    FeatureCounts,
)
from tiltmeter.core.panes.histogram import bin_counts, counts_and_scores
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import LATENCY_LIMITS_US, SCORE_BINS, PredictionPane
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature, ReferenceProfile
from tiltmeter.events.columns import (
    CELL_MISSING,
    CELL_NONFINITE,
    CELL_OK,
    CELL_TEXT,
    CELL_TYPE_ERROR,
    FeatureColumn,
    Float64,
    Group,
    Int64,
    PredictionColumns,
)

_LATENCY_LIMITS = np.array(LATENCY_LIMITS_US, dtype=np.int64)
_NO_NUMBERS: Float64 = np.empty(0)


def fill_pane(
    key: PaneKey,
    columns: PredictionColumns,
    group: Group,
    members: Int64,
    reference: ReferenceProfile | None,
    learning: bool = False,
    expected: Mapping[str, Expectation] = MappingProxyType({}),
    jointly: bool = True,
    *,
    sampled: Mask | None = None,
) -> PredictionPane:
    """One pane from ``members``: positions within ``group.rows`` (not within the batch), ascending.

    Failed predictions (status error) count as errors only: their inputs may be the reason they failed, and
    their missing outputs are not drift. With a reference exactly its features are counted, and other names
    together. Without one there is nothing to bin against, so features are counted only if one is being learned.
    Missing cells are not stored: they are what is left of the events (see :func:`complete_missing`).
    ``jointly``: count how features go together, too, if the reference says how; and the mean embedding of those
    rows of the batch that are ``sampled``, bool[n].
    """
    rows = group.rows[members]
    ok = columns.ok[rows]
    pane = PredictionPane(key, reference.reference_id if reference else "")
    pane.events = int(rows.size)
    pane.weight = int(columns.weight[rows].sum())
    pane.errors = int(rows.size - np.count_nonzero(ok))
    rows, members = rows[ok], members[ok]

    scores = columns.score[rows]
    scores = scores[~np.isnan(scores)]
    if scores.size:
        place = np.minimum(np.clip(scores, 0.0, 1.0) * SCORE_BINS, SCORE_BINS - 1).astype(np.int64)
        pane.scores = np.bincount(place, minlength=SCORE_BINS)
    latency = columns.latency_us[rows]
    latency = latency[latency >= 0]
    if latency.size:
        pane.latencies = np.bincount(
            np.searchsorted(_LATENCY_LIMITS, latency, side="left"),
            minlength=len(LATENCY_LIMITS_US) + 1,
        )
        pane.latency_us = int(latency.sum())

    pane.expectations = count_violations(expected, group.features, members)
    if reference is not None:
        joint = None
        if jointly and reference.joint:
            joint = JointRows(reference.joint, members.size, None if sampled is None else sampled[rows])
        for name, profile in reference.features.items():
            pane.features[name] = _count(name, profile, group.features.get(name), members, joint)
        if joint:
            pane.joint, pane.embedding = joint.counts(), joint.embedding()
        for name, column in group.features.items():
            if name not in reference.features:
                pane.unknown_features += int(np.count_nonzero(column.states[members] != CELL_MISSING))
        pane.output = _count_output(columns, rows, reference)
    elif learning:
        count_unreferenced(pane, columns, group, members)
    return pane


def complete_missing(pane: PredictionPane) -> None:
    """Fill in the missing cells of a closed, merged pane: successful events that had no cell of any kind."""
    from_ok_events = pane.events - pane.errors
    for counts in pane.features.values():
        present = int(counts.cells[OK] + counts.cells[TYPE_ERROR] + counts.cells[NONFINITE])
        counts.cells = counts.cells.copy()
        counts.cells[1] = from_ok_events - present


def _count(
    name: str,
    profile: NumericFeature | CategoricalFeature,
    column: FeatureColumn | None,
    members: Int64,
    joint: JointRows | None,
) -> FeatureCounts:
    counts, present = FeatureCounts(), None
    usable, wrong = (CELL_OK, CELL_TEXT) if isinstance(profile, NumericFeature) else (CELL_TEXT, CELL_OK)
    if column is None:
        members, present = members[:0], np.zeros(members.size, dtype=np.bool_)
    else:
        states = column.states[members]
        fits = states == usable
        if np.count_nonzero(fits) < members.size:
            counts.cells[NONFINITE] = np.count_nonzero(states == CELL_NONFINITE)
            counts.cells[TYPE_ERROR] = np.count_nonzero((states == CELL_TYPE_ERROR) | (states == wrong))
            members, present = members[fits], fits
    if isinstance(profile, NumericFeature):
        values = _NO_NUMBERS if column is None else column.numbers[members]
        table = joint.table(name) if joint else None
        scores = _count_numbers(counts, profile, values, table)
        if joint is not None and table is not None:
            joint.put(name, values, scores, present)
        return counts
    counts.cells[OK] = members.size
    texts = column.texts if column is not None and column.texts is not None else []
    found = (texts[i] for i in members.tolist())
    _count_categories(counts, profile, Counter(text for text in found if text is not None))
    return counts


def _count_numbers(
    counts: FeatureCounts, profile: NumericFeature, values: Float64, table: Float64 | None = None
) -> Float64:
    """``values`` are finite. Returns what ``table`` says of the bin of each, if there is one."""
    scores = _NO_NUMBERS
    if not values.size:
        counts.bins = np.zeros(profile.edges.size + 1, dtype=np.int64)
        return scores
    if table is None:
        counts.bins = bin_counts(profile.edges, values)
    else:
        counts.bins, scores = counts_and_scores(profile.edges, values, table)
    counts.cells[OK] = values.size
    outside = (values < profile.minimum) | (values > profile.maximum)
    counts.cells[OUT_OF_RANGE] = np.count_nonzero(outside)
    return scores


def _count_categories(counts: FeatureCounts, profile: CategoricalFeature, seen: Counter[str]) -> None:
    known = by_known(profile, seen)
    counts.categories = known
    counts.cells[UNSEEN] = known.get(OTHER, 0)


def _count_output(columns: PredictionColumns, rows: Int64, reference: ReferenceProfile) -> FeatureCounts:
    """The predictions themselves, counted like a feature of the reference's kind."""
    profile = reference.prediction
    counts = FeatureCounts()
    if isinstance(profile, NumericFeature):
        values = columns.value[rows]
        usable = values[np.isfinite(values)]
        counts.cells[TYPE_ERROR] = rows.size - usable.size
        _count_numbers(counts, profile, usable)
    elif profile is not None:
        classes = Counter(columns.label[rows].tolist())
        counts.cells[OK] = rows.size
        _count_categories(
            counts, profile, Counter({k.decode("utf-8", "replace"): n for k, n in classes.items()})
        )
    return counts
