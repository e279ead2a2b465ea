"""One column of held-out rows, read as numbers or as categories, with the rules that apply to live events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.events.columns import Float64

Column = Sequence[Any] | NDArray[Any]


class ReferenceColumnError(ValueError):
    """A column cannot be used: ``problem`` with ``column``. Operator action: convert it, or leave it out."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"column {column!r}: {problem}")
        self.column = column
        self.problem = problem


def cells(column: Column) -> list[Any]:
    """Plain Python values; None and NaN are both None (missing)."""
    values = column.tolist() if isinstance(column, np.ndarray) else column
    plain = (value.item() if isinstance(value, np.generic) else value for value in values)
    return [None if isinstance(value, float) and math.isnan(value) else value for value in plain]


def numbers(name: str, column: Column) -> Float64 | None:
    """float64[n] with NaN for a missing cell; None if the cells are strings or booleans.

    :class:`ReferenceColumnError` if they are mixed or of another type. A column without any cell is numeric.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        return column.astype(np.float64)
    present = [value for value in cells(column) if value is not None]
    kinds = {_kind(value) for value in present}
    if len(kinds) > 1:
        raise ReferenceColumnError(name, f"mixes {' and '.join(sorted(kinds))}; make it one of them")
    if kinds == {"categories"}:
        return None
    if kinds - {"numbers"}:
        raise ReferenceColumnError(
            name, f"holds values of type {kinds.pop()}; use numbers, strings or booleans"
        )
    return np.array([np.nan if value is None else value for value in cells(column)], dtype=np.float64)


def text(value: str | bool) -> str:
    """A category as JSON spells it."""
    return value if isinstance(value, str) else ("true" if value else "false")


def _kind(value: Any) -> str:
    if isinstance(value, str | bool):
        return "categories"
    return "numbers" if isinstance(value, int | float) else type(value).__name__
