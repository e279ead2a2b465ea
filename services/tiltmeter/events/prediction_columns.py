"""The columns of predictions that are known to be usable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tiltmeter.events import name_map
from tiltmeter.events.batch import Batch
from tiltmeter.events.columns import FeatureColumn, Float64, Group, Int64, PredictionColumns
from tiltmeter.events.faults import all_names, is_name
from tiltmeter.events.feature_columns import feature_columns, mark_nonfinite, split_columns
from tiltmeter.events.grouping import dense_parts, rows_by_version
from tiltmeter.events.name_map import NameMaps
from tiltmeter.events.optional_column import integers, numbers
from tiltmeter.events.outcome_column import is_outcome, outcome_column
from tiltmeter.events.prediction import MAX_LATENCY_MS, MAX_WEIGHT, UNVERSIONED
from tiltmeter.events.score_column import fill_from_probabilities

_ANY = np.finfo(np.float64).max


def prediction_columns(
    batch: Batch, at_ms: Int64, event_ms: Int64, keys: list[bytes], digest: NDArray[np.uint64]
) -> PredictionColumns:
    imperfect: Counter[str] = Counter()
    failed = failed_rows(batch)
    group, groups = _groups(batch, imperfect)
    weight, imperfect["weight"] = _weights(batch)
    latency_us, imperfect["latency_ms"] = _latencies(batch)
    predictions = _predictions(batch, failed, imperfect)
    return PredictionColumns(
        offset=batch.offsets,
        at_ms=at_ms,
        event_ms=event_ms,
        keys=keys,
        digest=digest,
        group=group,
        groups=groups,
        **outcome_column(predictions)._asdict(),
        score=_scores(batch, predictions, imperfect),
        ok=np.ones(len(batch), dtype=np.bool_) if failed is None else ~np.array(failed, dtype=np.bool_),
        weight=weight,
        latency_us=latency_us,
        imperfect={field: count for field, count in imperfect.items() if count},
    )


def failed_rows(batch: Batch) -> list[bool] | None:
    """Per row, whether the model failed. None: no row has a status."""
    status = batch.find("status")
    return None if status is None else [value == "error" for value in status]


def _predictions(batch: Batch, failed: Sequence[bool] | None, imperfect: Counter[str]) -> Sequence[object]:
    """Outcomes or None; only a failed prediction can hold anything else by now."""
    values = batch.column("prediction")
    for status in batch.find("status") or ():
        imperfect["status"] += status not in (None, "ok", "error")
    if failed is None:
        return values
    usable = [value if value is None or is_outcome(value) else None for value in values]
    imperfect["prediction"] += sum(a is not b for a, b in zip(values, usable, strict=True))
    return usable


def _weights(batch: Batch) -> tuple[Int64, int]:
    values = batch.find("weight")
    if values is None:
        return np.ones(len(batch), dtype=np.int64), 0
    return integers(values, 1, MAX_WEIGHT, absent=1)


def _latencies(batch: Batch) -> tuple[Int64, int]:
    values = batch.find("latency_ms")
    if values is None:
        return np.full(len(batch), -1, dtype=np.int64), 0
    milliseconds, unusable = numbers(values, 0, MAX_LATENCY_MS)
    microseconds = np.rint(milliseconds * 1000)
    return np.where(np.isnan(microseconds), -1, microseconds).astype(np.int64), unusable


def _scores(batch: Batch, predictions: Sequence[object], imperfect: Counter[str]) -> Float64:
    values = batch.find("score")
    score = np.full(len(batch), np.nan)
    if values is not None:
        score, imperfect["score"] = numbers(values, -_ANY, _ANY)
    probabilities = batch.find("probabilities")
    if probabilities is not None:
        imperfect["probabilities"] = fill_from_probabilities(score, probabilities, predictions)
    return score


def _versions(batch: Batch, imperfect: Counter[str]) -> Sequence[str]:
    values = batch.column("version")
    if all_names(values):
        return values
    imperfect["version"] += sum(value is not None and not is_name(value) for value in values)
    return [value if is_name(value) else UNVERSIONED for value in values]


def _groups(batch: Batch, imperfect: Counter[str]) -> tuple[NDArray[np.int32], list[Group]]:
    features = name_map.features(batch.column("features"))
    segments = name_map.segments(batch.find("segments") or ())
    reported = name_map.nonfinite(batch.find("nonfinite") or ())
    imperfect.update(features=features.unusable, segments=segments.unusable, nonfinite=reported.unusable)
    group = np.zeros(len(batch), dtype=np.int32)
    groups: list[Group] = []
    parts = [
        (model, version, rows)
        for model, version, rows_of_version in rows_by_version(
            batch.column("model"), _versions(batch, imperfect)
        )
        for rows in dense_parts(rows_of_version, (features, segments, reported))
    ]
    made = _columns(features, [rows for *_, rows in parts])
    for (model, version, rows), columns in zip(parts, made, strict=True):
        group[rows] = len(groups)
        at = rows.tolist() if reported.rows or segments.rows else []
        if reported.rows:
            mark_nonfinite(columns, reported.pick(at))
        groups.append(
            Group(model, version, rows, columns, _by_name(segments.pick(at)) if segments.rows else {})
        )
    return group, groups


def _columns(features: NameMaps, parts: list[Int64]) -> Iterator[dict[str, FeatureColumn]]:
    """Of each part of the rows."""
    if features.uniform and len(parts) > 1:
        in_order = [features.rows[row] for row in np.concatenate(parts).tolist()]
        columns = split_columns(in_order, [rows.size for rows in parts])
        if columns is not None:
            yield from columns
            return
    for rows in parts:
        yield feature_columns(features.pick(rows.tolist()), features.uniform)


def _by_name(maps: Sequence[dict[str, str]]) -> dict[str, list[str | None]]:
    names = dict.fromkeys(chain.from_iterable(maps))
    return {name: [entries.get(name) for entries in maps] for name in names}
