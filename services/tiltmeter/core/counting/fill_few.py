"""From a few rows to a prediction pane: what ``fill_predictions`` counts, without a dozen numpy calls per feature."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from tiltmeter.core.counting.fill_answers import count_few_answers
from tiltmeter.core.counting.fill_joint import JointRows, Mask, counts_of
from tiltmeter.core.counting.fill_unreferenced import count_unreferenced
from tiltmeter.core.counting.known_categories import OTHER, by_known
from tiltmeter.core.counting.plain_rows import PlainRows
from tiltmeter.core.expectations import Expectation, count_violations
from tiltmeter.core.panes.feature_counts import (
    NONFINITE,
    OK,
    OUT_OF_RANGE,
    STATES,
    TYPE_ERROR,
    UNSEEN,
    FeatureCounts,
)
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
    PredictionColumns,
)

_NO_NUMBERS: Float64 = np.empty(0)
JointRowsOfPane = tuple[PredictionPane, JointRows]


def fill_few(
    key: PaneKey,
    columns: PredictionColumns,
    plain: PlainRows,
    group: Group,
    members: list[int],
    reference: ReferenceProfile | None,
    learning: bool,
    expected: Mapping[str, Expectation],
    *,
    jointly: list[JointRowsOfPane] | None,
    task: str,
    sampled: Mask | None = None,
) -> PredictionPane:
    """As :mod:`~tiltmeter.core.counting.fill_predictions`, for a few ``members``, with the answers to a ``task``;
    ``plain`` are the columns. What has to be counted jointly is put into ``jointly``, for :func:`count_jointly`.
    """
    every = group.rows.tolist()
    rows = every if len(members) == len(every) else [every[i] for i in members]
    ok = [plain.ok[row] for row in rows]
    pane = PredictionPane(key, reference.reference_id if reference else "")
    pane.events = len(rows)
    pane.weight = sum([plain.weight[row] for row in rows])
    pane.errors = ok.count(False)
    if pane.errors:
        rows = [row for row, good in zip(rows, ok, strict=True) if good]
        members = [i for i, good in zip(members, ok, strict=True) if good]
    _count_scores(pane, plain, rows)
    pane.answers = count_few_answers(plain, rows, task)
    if expected:
        pane.expectations = count_violations(expected, group.features, np.array(members, dtype=np.int64))
    if reference is not None:
        chosen = None if sampled is None else sampled[rows]
        _count_features(pane, group, members, reference, jointly, chosen)
        pane.output = _count_output(plain, rows, reference.prediction)
    elif learning:
        count_unreferenced(pane, columns, group, np.array(members, dtype=np.int64))
    return pane


def count_jointly(rows: Sequence[JointRowsOfPane]) -> None:
    """Give each pane its joint counts."""
    for (pane, joint), counts in zip(rows, counts_of([joint for _, joint in rows]), strict=True):
        pane.joint, pane.embedding = counts, joint.embedding()


def _count_scores(pane: PredictionPane, plain: PlainRows, rows: Sequence[int]) -> None:
    scores = [score for score in [plain.score[row] for row in rows] if not math.isnan(score)]
    if scores:
        counts = [0] * SCORE_BINS
        for score in scores:
            counts[int(min(max(score, 0.0) * SCORE_BINS, SCORE_BINS - 1))] += 1
        pane.scores = np.array(counts, dtype=np.int64)
    latencies = [latency for latency in [plain.latency_us[row] for row in rows] if latency >= 0]
    if latencies:
        counts = [0] * (len(LATENCY_LIMITS_US) + 1)
        for latency in latencies:
            counts[bisect_left(LATENCY_LIMITS_US, latency)] += 1
        pane.latencies = np.array(counts, dtype=np.int64)
        pane.latency_us = sum(latencies)


def _count_features(
    pane: PredictionPane,
    group: Group,
    members: list[int],
    reference: ReferenceProfile,
    jointly: list[JointRowsOfPane] | None,
    sampled: Mask | None,
) -> None:
    joint = None
    if jointly is not None and reference.joint:
        joint = JointRows(reference.joint, len(members), sampled)
        jointly.append((pane, joint))
    whole = len(members) == group.rows.size
    all_numbers = None  # the states of a column of numbers, which other columns often share
    for name, profile in reference.features.items():
        column = group.features.get(name)
        if column is not None and column.states is all_numbers and isinstance(profile, NumericFeature):
            numbers = column.numbers if whole else column.numbers[members]
            pane.features[name] = _count_numbers(name, profile, numbers, [0] * len(STATES), None, joint)
            continue
        states = [CELL_MISSING] * len(members) if column is None else column.states.tolist()
        if column is not None and not any(states):
            all_numbers = column.states
        if column is not None and not whole:
            states = [states[i] for i in members]
        if isinstance(profile, NumericFeature):
            pane.features[name] = _count_cells(name, profile, column, members, states, joint)
        else:
            pane.features[name] = _count_texts(profile, column, members, states)
    for name in group.features.keys() - reference.features.keys():
        states = group.features[name].states.tolist()
        pane.unknown_features += sum([states[i] != CELL_MISSING for i in members])


def _count_cells(
    name: str,
    profile: NumericFeature,
    column: FeatureColumn | None,
    members: list[int],
    states: list[int],
    joint: JointRows | None,
) -> FeatureCounts:
    cells, present = [0] * len(STATES), None
    if any(states):
        cells[NONFINITE] = states.count(CELL_NONFINITE)
        cells[TYPE_ERROR] = states.count(CELL_TYPE_ERROR) + states.count(CELL_TEXT)
        fits = [state == CELL_OK for state in states]
        members = [i for i, good in zip(members, fits, strict=True) if good]
        present = np.array(fits, dtype=np.bool_)
    numbers = _NO_NUMBERS if column is None else column.numbers[members]
    return _count_numbers(name, profile, numbers, cells, present, joint)


def _count_numbers(
    name: str,
    profile: NumericFeature,
    numbers: Float64,
    cells: list[int],
    present: Mask | None,
    joint: JointRows | None,
) -> FeatureCounts:
    edges, values = profile.edges, numbers.tolist()
    places = edges.searchsorted(numbers)
    cells[OK] = len(values)
    if values and not (profile.minimum <= min(values) and max(values) <= profile.maximum):
        cells[OUT_OF_RANGE] = _outside(profile, values)
    if joint is not None and (table := joint.table(name)) is not None:
        joint.put(name, numbers, table[places], present)
    return FeatureCounts.of_places(cells, len(edges) + 1, places.tolist())


def _outside(profile: NumericFeature, values: list[float]) -> int:
    return sum([value < profile.minimum or value > profile.maximum for value in values])


def _count_texts(
    profile: CategoricalFeature, column: FeatureColumn | None, members: list[int], states: list[int]
) -> FeatureCounts:
    texts = column.texts if column is not None and column.texts is not None else []
    found = [texts[i] for i, state in zip(members, states, strict=True) if state == CELL_TEXT]
    known = by_known(profile, Counter([text for text in found if text is not None]))
    cells = [0] * len(STATES)
    cells[OK], cells[UNSEEN] = states.count(CELL_TEXT), known.get(OTHER, 0)
    cells[NONFINITE] = states.count(CELL_NONFINITE)
    cells[TYPE_ERROR] = states.count(CELL_TYPE_ERROR) + states.count(CELL_OK)
    return FeatureCounts.of_places(cells, 0, [], known)


def _count_output(
    plain: PlainRows, rows: Sequence[int], profile: NumericFeature | CategoricalFeature | None
) -> FeatureCounts:
    cells = [0] * len(STATES)
    if isinstance(profile, NumericFeature):
        usable = [value for value in [plain.value[row] for row in rows] if math.isfinite(value)]
        cells[OK], cells[TYPE_ERROR] = len(usable), len(rows) - len(usable)
        cells[OUT_OF_RANGE] = _outside(profile, usable)
        places = profile.edges.searchsorted(usable).tolist()
        return FeatureCounts.of_places(cells, profile.edges.size + 1, places)
    if profile is None:
        return FeatureCounts()
    labels = Counter([plain.label[row] for row in rows])
    known = by_known(profile, {label.decode("utf-8", "replace"): n for label, n in labels.items()})
    cells[OK], cells[UNSEEN] = len(rows), known.get(OTHER, 0)
    return FeatureCounts.of_places(cells, 0, [], known)
