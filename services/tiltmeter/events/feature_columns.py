"""The features of a group of events, by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.events.batch import same_keys, transpose
from tiltmeter.events.cell_column import cell_column, missing_column
from tiltmeter.events.columns import CELL_MISSING, CELL_NONFINITE, FeatureColumn, Float64
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


def split_columns(rows: Sequence[Features], sizes: Sequence[int]) -> list[dict[str, FeatureColumn]] | None:
    """:func:`feature_columns` of consecutive groups of uniform ``rows``, from one block: a batch over many models has
    groups of a few rows. None where some cell is not a finite number."""
    matrix = _finite_block(rows)
    if matrix is None:
        return None
    names, ends = list(rows[0]), list(accumulate(sizes))
    all_numbers = np.zeros(len(rows), dtype=np.uint8)
    return [
        _shared(names, matrix[:, end - size : end], all_numbers[:size])
        for size, end in zip(sizes, ends, strict=True)
    ]


def _finite_matrix(rows: Sequence[Features]) -> dict[str, FeatureColumn] | None:
    """All columns from one block, if every cell is a finite number: the common case, and a third of the cost."""
    matrix = _finite_block(rows)
    return None if matrix is None else _shared(list(rows[0]), matrix, np.zeros(len(rows), dtype=np.uint8))


def _finite_block(rows: Sequence[Features]) -> Float64 | None:
    cells = list(chain.from_iterable(map(dict.values, rows)))
    if not cells or set(map(type, cells)) - {int, float}:
        return None
    matrix = np.ascontiguousarray(np.array(cells, dtype=np.float64).reshape(len(rows), -1).T)
    return matrix if np.isfinite(matrix).all() else None


def _shared(names: list[str], matrix: Float64, all_numbers: NDArray[np.uint8]) -> dict[str, FeatureColumn]:
    """The columns share their states: nothing is missing, so nothing is ever marked."""
    return {name: FeatureColumn(numbers, all_numbers) for name, numbers in zip(names, matrix, strict=True)}
