"""Optional fields: an unusable value is treated as absent and counted; it never costs the event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tiltmeter.events.columns import Float64, Int64


def numbers(values: Sequence[Any], low: float, high: float) -> tuple[Float64, int]:
    """float64[n], NaN where absent or outside ``[low, high]``; and how many were unusable."""
    unusable = 0
    if set(map(type, values)) - {int, float, type(None)}:
        usable = [value if type(value) in (int, float) else None for value in values]
        unusable = usable.count(None) - sum(value is None for value in values)
        values = usable
    column = np.array(values, dtype=np.float64)  # None becomes NaN
    outside = ~((column >= low) & (column <= high) & np.isfinite(column))
    if outside.any():
        unusable += sum(values[row] is not None for row in np.flatnonzero(outside).tolist())
        column[outside] = np.nan
    return column, unusable


def integers(values: Sequence[Any], low: int, high: int, absent: int) -> tuple[Int64, int]:
    """int64[n], ``absent`` where absent or outside ``[low, high]``; and how many were unusable.

    A float that is a whole number is an integer, as in JSON Schema.
    """
    if set(map(type, values)) == {int} and low <= min(values) and max(values) <= high:
        return np.fromiter(values, dtype=np.int64, count=len(values)), 0
    unusable = 0
    column = np.full(len(values), absent, dtype=np.int64)
    for row, value in enumerate(values):
        if value is None:
            continue
        whole = type(value) is int or (type(value) is float and value.is_integer())
        if whole and low <= value <= high:
            column[row] = value
        else:
            unusable += 1
    return column, unusable
