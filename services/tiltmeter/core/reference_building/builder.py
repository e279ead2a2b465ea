"""Builds a reference from columns of held-out rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.panes.fixed_point import power_of_two_at_least, quantise, real, total
from tiltmeter.core.panes.histogram import bin_counts, edges_from_reference
from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.core.panes.score_terms import score_terms
from tiltmeter.core.reference.profile import (
    LABEL,
    OUTPUT,
    CategoricalFeature,
    NumericFeature,
    Performance,
    Profile,
    ReferenceProfile,
    Task,
)
from tiltmeter.core.reference_building.column import Column, ReferenceColumnError, cells, numbers, text
from tiltmeter.core.reference_building.joint_builder import build_joint
from tiltmeter.core.reference_building.name_choice import TOP, categorical, choosing_rows, most_frequent
from tiltmeter.events.class_key import class_key
from tiltmeter.events.columns import Float64

#: Whole-number labels with more different values than this are quantities, not classes.
_MOST_CLASSES = 50
#: Bins of a regression's residuals. Fewer than of a feature: they travel with every cell of every label pane.
RESIDUAL_BINS = 64
#: Bins of a regression's labels: as many as of a feature, for they are watched like one.
LABEL_BINS = 256

Mask = NDArray[np.bool_]


def build_reference(
    features: Mapping[str, Column],
    *,
    model: str,
    version: str,
    segment: str = "",
    effective_from_ms: int = 0,
    predictions: Column | None = None,
    labels: Column | None = None,
    scores: Column | None = None,
    task: Literal["auto"] | Task = "auto",
    bins: int = 256,
    joint: bool = True,
    units: Performance | None = None,
) -> ReferenceProfile:
    """A profile of n rows; every column has n cells, None or NaN where missing.

    ``task`` "auto" is classification if predictions and labels are strings, booleans or at most 50 different
    whole numbers, else regression. Performance is over rows with a prediction and a label. ``joint``: say how the
    numeric features go together, too. Costs a sort per column, and a few more for ``joint``.

    ``units``: of a regression, measure errors and labels in the units of this one. Panes count in those of the
    version's first reference, so a later one, or one of a segment, can only be compared in them.
    :class:`ReferenceColumnError` names a column that is mixed, of another type, or of another length.
    """
    special = {"prediction": predictions, "label": labels, "score": scores}
    rows = _rows({**features, **{name: c for name, c in special.items() if c is not None}})
    columns = {name: numbers(name, column) for name, column in features.items()}
    numeric = {name: values for name, values in columns.items() if values is not None}
    profiles = {name: _numeric(values, bins) for name, values in numeric.items()}
    found: Task = task if task != "auto" else _task(predictions, labels)
    output: Profile | None = None
    if predictions is not None:
        output = (
            categorical(_keys(predictions))
            if found == "classification"
            else _numeric(_required("prediction", predictions), bins)
        )
    return ReferenceProfile(
        model=model,
        version=version,
        segment=segment,
        effective_from_ms=effective_from_ms,
        rows=rows,
        features={name: profiles.get(name) or _texts(column) for name, column in features.items()},
        prediction=output,
        score=None if scores is None else _numeric(_required("score", scores), bins),
        performance=_performance(found, predictions, labels, scores, units),
        joint=build_joint(numeric, profiles) if joint else None,
    )


def _rows(columns: Mapping[str, Column]) -> int:
    sizes = {name: len(column) for name, column in columns.items()}
    if not sizes:
        raise ValueError("a reference needs at least one column")
    for name in sizes.keys() & {OUTPUT, LABEL}:
        raise ReferenceColumnError(name, "is what predictions or labels are watched as: rename the column")
    first, rows = next(iter(sizes.items()))
    for name, size in sizes.items():
        if size != rows:
            raise ReferenceColumnError(name, f"has {size} rows, {first!r} has {rows}")
    if rows == 0:
        raise ValueError("a reference needs at least one row")
    return rows


def _texts(column: Column) -> CategoricalFeature:
    return categorical([None if value is None else text(value) for value in cells(column)])


def _required(name: str, column: Column) -> Float64:
    values = numbers(name, column)
    if values is None:
        raise ReferenceColumnError(name, "must be numeric here")
    return values


def _numeric(values: Float64, bins: int) -> NumericFeature:
    finite = values[np.isfinite(values)]
    edges = edges_from_reference(finite, bins)
    missing = int(np.isnan(values).sum())
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (math.inf, -math.inf)
    counts = bin_counts(edges, finite)
    return NumericFeature(edges, counts, missing, values.size - missing - finite.size, low + 0.0, high + 0.0)


def _task(predictions: Column | None, labels: Column | None) -> Task:
    for column in (predictions, labels):
        if column is None:
            continue
        if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
            different = set(np.unique(column[np.isfinite(column)]).tolist())
        else:
            different = {value for value in cells(column) if value is not None}
        if any(isinstance(value, str | bool) for value in different):
            continue
        if len(different) > _MOST_CLASSES or not all(float(value).is_integer() for value in different):
            return "regression"
    return "classification"


def _keys(column: Column) -> list[str | None]:
    return [None if v is None else _key(v) for v in cells(column)]


def _key(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        raise ReferenceColumnError("prediction or label", "holds an infinite class")
    return class_key(value).decode("utf-8", "replace")


def _performance(
    task: Task,
    predictions: Column | None,
    labels: Column | None,
    scores: Column | None,
    units: Performance | None,
) -> Performance | None:
    if predictions is None:
        return None
    if labels is None:
        return Performance(task)
    if task == "regression":
        return _regression(_required("prediction", predictions), _required("label", labels), units)
    predicted, actual = _keys(predictions), _keys(labels)
    measured = _classification(predicted, actual)
    if scores is None:
        return measured
    binary = np.array([p is not None and a in ("0", "1") for p, a in zip(predicted, actual, strict=True)])
    return _scored(measured, _required("score", scores), np.array([a == "1" for a in actual]), binary)


def _classification(predicted: list[str | None], actual: list[str | None]) -> Performance:
    """Errors over all rows with both; classes as :class:`Performance` says."""
    chooses = choosing_rows(actual).tolist()
    every = zip(chooses, predicted, actual, strict=True)
    known = [(first, p, a) for first, p, a in every if p is not None and a is not None]
    chosen = set(most_frequent(Counter(key for first, p, a in known if first for key in (p, a))))
    others = Counter(key for first, p, a in known if not first for key in (p, a) if key not in chosen)
    unchosen = most_frequent(others, TOP - len(chosen))
    labels = Counter(a for first, _, a in known if not first)
    classes = sorted(chosen.union(unchosen))
    class_counts = tuple(labels[name] for name in classes)
    return Performance(
        "classification",
        labelled=len(known),
        errors=sum(p != a for _, p, a in known),
        classes=tuple(classes),
        class_counts=class_counts,
        other_classes=labels.total() - sum(class_counts),
        unchosen_classes=tuple(sorted(unchosen)),
    )


def _scored(measured: Performance, score: Float64, positive: Mask, binary: Mask) -> Performance:
    """The performance with the losses of its scores, where they are probabilities of class 1."""
    usable = binary & (score >= 0) & (score <= 1)
    terms = score_terms(score[usable], positive[usable])
    return replace(
        measured,
        scored=int(usable.sum()),
        brier_sum=_sum(terms.brier),
        brier_squares=_sum(terms.brier**2),
        log_loss_sum=_sum(terms.capped_log_loss),
        log_loss_squares=_sum(terms.capped_log_loss**2),
        score_error_sum=_sum(score[usable] - positive[usable]),
        calibration=_calibration(ScoreCounts.of(score[usable], positive[usable])),
    )


def _calibration(counts: ScoreCounts) -> tuple[tuple[int, int, int], ...]:
    rows = counts.negatives + counts.positives
    return tuple((int(b), int(rows[b]), int(counts.positives[b])) for b in np.flatnonzero(rows))


def _sum(values: Float64) -> float:
    """Over fixed-point terms, as panes sum."""
    return real(total(quantise(values)))


def _regression(predicted: Float64, actual: Float64, units: Performance | None) -> Performance:
    usable = np.isfinite(predicted) & np.isfinite(actual)
    label = actual[usable]
    error = predicted[usable] - label
    size = np.abs(error)
    if size.size == 0:
        return Performance("regression")
    if units is not None and units.task == "regression" and units.labelled:
        scale, cap = units.scale, units.cap
        edges, label_edges = np.array(units.residual_edges), np.array(units.label_edges)
    else:
        scale = power_of_two_at_least(float(np.std(label)))
        cap = 2.0 * float(np.quantile(size, 0.999, method="inverted_cdf")) or scale
        edges = edges_from_reference(error, RESIDUAL_BINS)
        label_edges = edges_from_reference(label, LABEL_BINS)
    share = np.clip(error, -cap, cap) / cap
    return Performance(
        "regression",
        labelled=int(size.size),
        loss_sum=_sum(np.abs(share)),
        loss_squares=_sum(share**2),
        cap=cap,
        scale=scale,
        absolute_error_sum=math.fsum(size.tolist()),
        label_mean=math.fsum(label.tolist()) / size.size,
        capped_error_sum=_sum(share),
        residual_edges=tuple(edges.tolist()),
        residual_counts=tuple(bin_counts(edges, error).tolist()),
        label_edges=tuple(label_edges.tolist()),
        label_counts=tuple(bin_counts(label_edges, label).tolist()),
    )
