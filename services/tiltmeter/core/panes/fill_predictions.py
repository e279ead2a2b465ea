"""From columns to prediction panes."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tiltmeter.core.histogram import bin_counts
from tiltmeter.core.panes.feature_counts import (
    NONFINITE,
    OK,
    OUT_OF_RANGE,
    TYPE_ERROR,
    UNSEEN,
    FeatureCounts,
)
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import LATENCY_LIMITS_SECONDS, SCORE_BINS, PredictionPane
from tiltmeter.core.reference import CategoricalFeature, NumericFeature, ReferenceProfile
from tiltmeter.events.columns import (
    CELL_MISSING,
    CELL_NONFINITE,
    CELL_OK,
    CELL_TEXT,
    CELL_TYPE_ERROR,
    FeatureColumn,
    Group,
    Int64,
    PredictionColumns,
)

_LATENCY_LIMITS_US = (np.array(LATENCY_LIMITS_SECONDS) * 1e6).astype(np.int64)
#: Categories a reference does not know are counted together: a stream cannot grow a pane by naming things.
OTHER = "(unseen)"


def fill_pane(
    key: PaneKey,
    columns: PredictionColumns,
    group: Group,
    members: Int64,
    reference: ReferenceProfile | None,
) -> PredictionPane:
    """One pane from ``members``: positions within ``group.rows`` (not within the batch), ascending.

    Failed predictions (status error) count as errors only: their inputs may be the reason they failed, and
    their missing outputs are not drift. Without a reference there is nothing to bin against, so features are
    not counted; with one, exactly the reference's features are, and other names are counted together.
    Missing cells are not stored: they are what is left of the events (see :func:`complete_missing`).
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
            np.searchsorted(_LATENCY_LIMITS_US, latency, side="left"),
            minlength=len(LATENCY_LIMITS_SECONDS) + 1,
        )
        pane.latency_us = int(latency.sum())

    if reference is not None:
        for name, profile in reference.features.items():
            pane.features[name] = _count(profile, group.features.get(name), members)
        for name, column in group.features.items():
            if name not in reference.features:
                pane.unknown_features += int(np.count_nonzero(column.states[members] != CELL_MISSING))
        pane.output = _count_output(columns, rows, reference)
    return pane


def complete_missing(pane: PredictionPane) -> None:
    """Fill in the missing cells of a closed, merged pane: successful events that had no cell of any kind."""
    from_ok_events = pane.events - pane.errors
    for counts in pane.features.values():
        present = int(counts.cells[OK] + counts.cells[TYPE_ERROR] + counts.cells[NONFINITE])
        counts.cells = counts.cells.copy()
        counts.cells[1] = from_ok_events - present


def _count(
    profile: NumericFeature | CategoricalFeature, column: FeatureColumn | None, members: Int64
) -> FeatureCounts:
    numeric = isinstance(profile, NumericFeature)
    counts = FeatureCounts()
    if isinstance(profile, NumericFeature):
        counts.bins = np.zeros(profile.edges.size + 1, dtype=np.int64)
    else:
        counts.categories = {}
    if column is None or members.size == 0:
        return counts
    states = column.states[members]
    counts.cells[NONFINITE] = np.count_nonzero(states == CELL_NONFINITE)
    wrong = CELL_TEXT if numeric else CELL_OK
    counts.cells[TYPE_ERROR] = np.count_nonzero((states == CELL_TYPE_ERROR) | (states == wrong))
    if isinstance(profile, NumericFeature):
        values = column.numbers[members][states == CELL_OK]
        counts.cells[OK] = values.size
        if values.size:
            counts.bins = bin_counts(profile.edges, values)
            outside = (values < profile.minimum) | (values > profile.maximum)
            counts.cells[OUT_OF_RANGE] = np.count_nonzero(outside)
    elif column.texts is not None:
        texts = [column.texts[i] for i in members[states == CELL_TEXT].tolist()]
        counts.cells[OK] = len(texts)
        _count_categories(counts, profile, Counter(text for text in texts if text is not None))
    return counts


def _count_categories(counts: FeatureCounts, profile: CategoricalFeature, seen: Counter[str]) -> None:
    known: dict[str, int] = {}
    for text, n in seen.items():
        if text in profile.categories:
            known[text] = n
        else:
            known[OTHER] = known.get(OTHER, 0) + n
    counts.categories = known
    counts.cells[UNSEEN] = known.get(OTHER, 0)


def _count_output(columns: PredictionColumns, rows: Int64, reference: ReferenceProfile) -> FeatureCounts:
    """The predictions themselves, counted like a feature of the reference's kind."""
    profile = reference.prediction
    counts = FeatureCounts()
    if isinstance(profile, NumericFeature):
        counts.bins = np.zeros(profile.edges.size + 1, dtype=np.int64)
        values = columns.value[rows]
        usable = values[np.isfinite(values)]
        counts.cells[OK] = usable.size
        counts.cells[TYPE_ERROR] = rows.size - usable.size
        if usable.size:
            counts.bins = bin_counts(profile.edges, usable)
            outside = (usable < profile.minimum) | (usable > profile.maximum)
            counts.cells[OUT_OF_RANGE] = np.count_nonzero(outside)
    elif profile is not None:
        classes = Counter(columns.label[rows].tolist())
        counts.cells[OK] = rows.size
        _count_categories(
            counts, profile, Counter({k.decode("utf-8", "replace"): n for k, n in classes.items()})
        )
    return counts
