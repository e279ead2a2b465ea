"""What labelled predictions add to their outcomes, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.panes.bounded_classes import folded
from tiltmeter.core.panes.fixed_point import power_of_two_at_least, quantise, total
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.core.panes.score_terms import SMALLEST_LIKELIHOOD, score_terms
from tiltmeter.core.reference.profile import Performance
from tiltmeter.events.columns import Float64

Rows = NDArray[Any]
Mask = NDArray[np.bool_]
_PLACE = {name: place for place, name in enumerate(SUMS)}


def add_classified(
    outcomes: Outcomes, predictions: Rows, label: Rows, rows: Mask, reference: Performance | None
) -> None:
    """Classes of the ``rows``; a reference that names its classes bounds them."""
    if not rows.any():
        return
    pairs = Counter(zip(predictions["label"][rows].tolist(), label[rows].tolist(), strict=True))
    counts: dict[tuple[str, str], int] = {}
    for (predicted, actual), n in pairs.items():
        pair = (predicted.decode("utf-8", "replace"), actual.decode("utf-8", "replace"))
        counts[pair] = counts.get(pair, 0) + n
    if reference is not None and reference.classes:
        counts = folded(counts, frozenset(reference.classes))
    outcomes.confusion = counts
    outcomes.bound()
    binary = rows & ((label == b"0") | (label == b"1"))
    scored = binary & (predictions["score"] >= 0) & (predictions["score"] <= 1)
    if scored.any():
        _add_scored(outcomes, predictions["score"][scored], label[scored] == b"1")


def _add_scored(outcomes: Outcomes, score: Float64, positive: Mask) -> None:
    terms = score_terms(score, positive)
    _put(outcomes, "scored", score.size)
    _put(outcomes, "brier", total(quantise(terms.brier)))
    _put(outcomes, "log_loss", total(quantise(terms.log_loss)))
    _put(outcomes, "clipped", int(np.count_nonzero(terms.likelihood < SMALLEST_LIKELIHOOD)))
    _put(outcomes, "squared_brier", total(quantise(terms.brier**2)))
    _put(outcomes, "capped_log_loss", total(quantise(terms.capped_log_loss)))
    _put(outcomes, "squared_capped_log_loss", total(quantise(terms.capped_log_loss**2)))
    outcomes.scores = ScoreCounts.of(score, positive)


def add_measured(
    outcomes: Outcomes,
    predictions: Rows,
    value: Float64,
    rows: Mask,
    reference: Performance | None,
    loss_scale: float,
) -> None:
    """Errors of the ``rows`` with finite numbers, in the unit of a regression's reference, else ``loss_scale``'s."""
    known = _regression(reference)
    outcomes.unit = unit_of(reference, loss_scale)
    rows = rows & np.isfinite(predictions["value"]) & np.isfinite(value)
    if not rows.any():
        return
    actual = value[rows]
    with np.errstate(over="ignore"):  # what overflows is infinite, and clips
        error = predictions["value"][rows] - actual
        squared_error, squared_target = (error / outcomes.unit) ** 2, (actual / outcomes.unit) ** 2
    _put(outcomes, "scored", error.size)
    _put(outcomes, "error", total(quantise(error, outcomes.unit)))
    _put(outcomes, "absolute_error", total(quantise(np.abs(error), outcomes.unit)))
    _put(outcomes, "squared_error", total(quantise(squared_error)))
    _put(outcomes, "target", total(quantise(actual, outcomes.unit)))
    _put(outcomes, "squared_target", total(quantise(squared_target)))
    if known is not None and known.label_counts:
        outcomes.targets = _binned(known.label_edges, actual)
    if known is not None and known.cap > 0:
        _add_against(outcomes, error, known)


def unit_of(reference: Performance | None, loss_scale: float) -> float:
    """The power of two in which errors of a version are quantised."""
    known = _regression(reference)
    return power_of_two_at_least(loss_scale) if known is None else known.scale


def _regression(reference: Performance | None) -> Performance | None:
    return reference if reference is not None and reference.task == "regression" else None


def _add_against(outcomes: Outcomes, error: Float64, reference: Performance) -> None:
    share = np.clip(error, -reference.cap, reference.cap) / reference.cap
    loss = np.abs(share)
    _put(outcomes, "capped_loss", total(quantise(loss)))
    _put(outcomes, "squared_capped_loss", total(quantise(loss**2)))
    _put(outcomes, "capped_error", total(quantise(share)))
    if reference.residual_counts:
        outcomes.residuals = _binned(reference.residual_edges, error)


def _binned(edges: Sequence[float], values: Float64) -> dict[int, int]:
    """How many ``values`` lie in each bin over ``edges``; bins without one are absent."""
    counts = bin_counts(np.array(edges, dtype=np.float64), values)
    used = np.flatnonzero(counts)
    return dict(zip(used.tolist(), counts[used].tolist(), strict=True))


def _put(outcomes: Outcomes, name: str, amount: int) -> None:
    outcomes.sums[_PLACE[name]] += amount
