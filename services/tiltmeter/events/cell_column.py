"""One feature over the rows of one group: from JSON values to a :class:`FeatureColumn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tiltmeter.events.columns import (
    CELL_MISSING,
    CELL_NONFINITE,
    CELL_OK,
    CELL_TEXT,
    CELL_TYPE_ERROR,
    FeatureColumn,
)

_STATE = {
    int: CELL_OK,
    float: CELL_OK,
    type(None): CELL_MISSING,
    str: CELL_TEXT,
    bool: CELL_TEXT,
    list: CELL_TYPE_ERROR,
    dict: CELL_TYPE_ERROR,
}
_NUMERIC = {int, float}


def missing_column(rows: int) -> FeatureColumn:
    return FeatureColumn(np.full(rows, np.nan), np.full(rows, CELL_MISSING, dtype=np.uint8))


def cell_column(values: Sequence[Any]) -> FeatureColumn:
    types = set(map(type, values))
    if types <= _NUMERIC:
        return _finite(
            FeatureColumn(np.array(values, dtype=np.float64), np.zeros(len(values), dtype=np.uint8))
        )
    states = np.fromiter([_STATE[type(value)] for value in values], dtype=np.uint8, count=len(values))
    numbers = np.full(len(values), np.nan)
    numeric = states == CELL_OK
    if numeric.any():
        numbers[numeric] = [value for value in values if type(value) in _NUMERIC]
    texts = list(map(_text, values)) if types & {str, bool} else None
    return _finite(FeatureColumn(numbers, states, texts))


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def _finite(column: FeatureColumn) -> FeatureColumn:
    """Cells that are numbers but not finite: only a lenient parser lets them through."""
    wrong = ~np.isfinite(column.numbers) & (column.states == CELL_OK)
    if wrong.any():
        column.numbers[wrong] = np.nan
        column.states[wrong] = CELL_NONFINITE
    return column
