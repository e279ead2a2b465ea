"""The columns of a batch as lists, for counting a few rows of it.

One call of numpy costs as much as looking at ten values in a loop. A batch over 1,000 models brings each of them a
few rows, and a dozen calls for each feature of each model would be all that the join does.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from tiltmeter.events.columns import PredictionColumns

#: Up to so many rows a pane is counted row by row. Measured, with encoding: about equal at 32 rows, a third at 4.
FEW = 32


class PlainRows:
    """Each column is turned into a list when it is first asked for: about 30 ns per row."""

    def __init__(self, columns: PredictionColumns) -> None:
        self._columns = columns

    @cached_property
    def ok(self) -> list[bool]:
        return _listed(self._columns.ok)

    @cached_property
    def weight(self) -> list[int]:
        return _listed(self._columns.weight)

    @cached_property
    def score(self) -> list[float]:
        return _listed(self._columns.score)

    @cached_property
    def latency_us(self) -> list[int]:
        return _listed(self._columns.latency_us)

    @cached_property
    def value(self) -> list[float]:
        return _listed(self._columns.value)

    @cached_property
    def kind(self) -> list[int]:
        return _listed(self._columns.kind)

    @cached_property
    def label(self) -> list[bytes]:
        return _listed(self._columns.label)


def _listed(column: NDArray[Any]) -> list[Any]:
    values: list[Any] = column.tolist()
    return values
