"""Counting features that no reference knows yet, so that one can be learned from them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tiltmeter.core.panes.feature_counts import NONFINITE, OK, TYPE_ERROR, FeatureCounts
from tiltmeter.core.panes.kept_names import MOST_FEATURES, MOST_TEXTS, kept, only_kept
from tiltmeter.core.panes.log_linear import count_bins
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.events.columns import (
    CELL_NONFINITE,
    CELL_OK,
    CELL_TEXT,
    CELL_TYPE_ERROR,
    KIND_CLASS,
    KIND_INTEGER,
    FeatureColumn,
    Group,
    Int64,
    PredictionColumns,
)


def count_unreferenced(
    pane: PredictionPane, columns: PredictionColumns, group: Group, members: Int64
) -> None:
    """Numbers into log-linear bins, texts by name; ``members`` are the successful rows within the group."""
    for name in kept(group.features, MOST_FEATURES):
        counts = _count(group.features[name], members)
        if counts.cells.any():
            pane.features[name] = counts
    rows = group.rows[members]
    pane.output.cells[OK] = rows.size
    classes = (columns.kind[rows] == KIND_CLASS) | (columns.kind[rows] == KIND_INTEGER)
    labels = Counter(label.decode("utf-8", "replace") for label in columns.label[rows[classes]].tolist())
    numbers = columns.value[rows[~classes]]
    pane.output.categories = only_kept(labels, MOST_TEXTS)
    pane.output.log_bins = count_bins(numbers[np.isfinite(numbers)])


def _count(column: FeatureColumn, members: Int64) -> FeatureCounts:
    counts = FeatureCounts(categories={}, log_bins={})
    states = column.states[members]
    numbers = column.numbers[members[states == CELL_OK]]
    counts.log_bins = count_bins(numbers)
    if column.texts is not None:
        texts = Counter(column.texts[i] for i in members[states == CELL_TEXT].tolist())
        present = {text: n for text, n in texts.items() if text is not None}
        counts.categories = only_kept(present, MOST_TEXTS)
        counts.cells[OK] = sum(present.values())
    counts.cells[OK] += numbers.size
    counts.cells[NONFINITE] = np.count_nonzero(states == CELL_NONFINITE)
    counts.cells[TYPE_ERROR] = np.count_nonzero(states == CELL_TYPE_ERROR)
    return counts
