"""Predictions and labels as columns: how each was written, its class and its number."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite as finite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltmeter.events.class_key import class_key
from tiltmeter.events.columns import (
    CLASS_BYTES,
    KIND_CLASS,
    KIND_FLOAT,
    KIND_INTEGER,
    KIND_NONE,
    Float64,
)

__all__ = ["OutcomeColumn", "finite", "is_outcome", "outcome_column"]

_KIND = {type(None): KIND_NONE, bool: KIND_CLASS, str: KIND_CLASS, int: KIND_INTEGER, float: KIND_FLOAT}
_NUMBERS = {int, float}
_LABEL = f"S{CLASS_BYTES}"


class OutcomeColumn(NamedTuple):
    """``label`` is the class key of every outcome, numbers included: whether a number is a class is the
    model's task to say. ``value`` is NaN for classes."""

    kind: NDArray[np.uint8]
    label: NDArray[Any]
    value: Float64


def is_outcome(value: object) -> bool:
    """Whether it can be a prediction or a label."""
    if isinstance(value, float):
        return finite(value)
    return isinstance(value, str | int)


def outcome_column(values: Sequence[Any]) -> OutcomeColumn:
    """``values`` are outcomes or None."""
    n = len(values)
    types = set(map(type, values))
    if len(types) == 1:
        kind = np.full(n, _KIND[next(iter(types))], dtype=np.uint8)
    else:
        kind = np.fromiter([_KIND[type(value)] for value in values], dtype=np.uint8, count=n)
    number = _numbers(values, kind)
    if types == {float}:
        return OutcomeColumn(kind, _float_labels(values, number), number)
    # Equal values have equal keys whatever their type, so that one dictionary serves all types.
    keys = {value: b"" if value is None else class_key(value) for value in set(values)}
    return OutcomeColumn(kind, np.array([keys[value] for value in values], dtype=_LABEL), number)


def _float_labels(values: Sequence[float], number: Float64) -> NDArray[Any]:
    """Regression: nearly every value is its own class, so that looking them up would only cost."""
    label = np.array(list(map(repr, values)), dtype=_LABEL)  # what class_key says of a fraction
    for row in np.flatnonzero(number == np.floor(number)).tolist():
        label[row] = class_key(values[row])
    return label


def _numbers(values: Sequence[Any], kind: NDArray[np.uint8]) -> Float64:
    numeric = kind >= KIND_INTEGER
    if numeric.all():
        return np.array(values, dtype=np.float64)
    numbers = np.full(len(values), np.nan)
    if numeric.any():
        numbers[numeric] = [value for value in values if type(value) in _NUMBERS]
    return numbers
