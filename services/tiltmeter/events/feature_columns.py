"""The features of a group of events, by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from tiltmeter.events.batch import same_keys, transpose
from tiltmeter.events.cell_column import cell_column, missing_column
from tiltmeter.events.columns import CELL_MISSING, CELL_NONFINITE, FeatureColumn
from tiltmeter.events.sparse_columns import sparse_columns

Features = dict[str, Any]

#: A table with this many places for every cell is filled cell by cell.
_SPARSE = 2


def feature_columns(rows: Sequence[Features], uniform: bool) -> dict[str, FeatureColumn]:
    """``uniform``: known to have the same names in the same order. A name some row lacks is missing there."""
    if not (uniform or same_keys(rows)):
        names = dict.fromkeys(chain.from_iterable(rows))
        if len(names) * len(rows) > _SPARSE * sum(map(len, rows)):
            return sparse_columns(rows)
        return {name: cell_column([features.get(name) for features in rows]) for name in names}
    return _finite_matrix(rows) or {name: cell_column(values) for name, values in transpose(rows).items()}


def mark_nonfinite(columns: dict[str, FeatureColumn], reported: Sequence[Iterable[str]]) -> None:
    """``reported``: per row, the names its producer says were not finite. A value that is there wins."""
    for row, names in enumerate(reported):
        for name in names:
            column = columns.get(name) or columns.setdefault(name, missing_column(len(reported)))
            if column.states[row] == CELL_MISSING:
                column.states[row] = CELL_NONFINITE


def _finite_matrix(rows: Sequence[Features]) -> dict[str, FeatureColumn] | None:
    """All columns from one block, if every cell is a finite number: the common case, and a third of the cost."""
    cells = list(chain.from_iterable(map(dict.values, rows)))
    if not cells or set(map(type, cells)) - {int, float}:
        return None
    matrix = np.ascontiguousarray(np.array(cells, dtype=np.float64).reshape(len(rows), -1).T)
    if not np.isfinite(matrix).all():
        return None
    all_numbers = np.zeros(len(rows), dtype=np.uint8)  # shared: nothing is missing, so nothing is ever marked
    return {name: FeatureColumn(numbers, all_numbers) for name, numbers in zip(rows[0], matrix, strict=True)}
