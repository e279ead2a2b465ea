"""Outcomes of a few labels at a time: a batch over a thousand models brings each of them a label or two.

What takes numpy is done once, for all labels of a batch; what remains per pane are sums of a few Python integers.
The same numbers as :mod:`fill_outcomes` gives, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.counting.few_classes import FewClasses
from tiltmeter.core.counting.few_numbers import FewNumbers
from tiltmeter.core.counting.yardstick import Yardstick
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.events.columns import KIND_FLOAT, KIND_NONE, Float64

#: So many labels of one pane are few. Measured: three quarters of what columns take at 32, more at 64.
FEW = 32


class Labelled:
    """n predictions (PREDICTION rows) with their labels, as Python values; ``yardsticks`` by the rows' ``group``."""

    def __init__(
        self,
        predictions: NDArray[Any],
        label: NDArray[Any],
        value: Float64,
        yardsticks: Mapping[int, Yardstick],
    ) -> None:
        self._weight: list[int] = predictions["weight"].tolist()
        usable = np.flatnonzero((predictions["kind"] != KIND_NONE) & (predictions["ok"] != 0)).tolist()
        fraction: list[bool] = (predictions["kind"] == KIND_FLOAT).tolist()
        by_row = [yardsticks[group] for group in predictions["group"].tolist()]
        numbers = [
            i for i in usable if by_row[i].task == "regression" or (by_row[i].task == "auto" and fraction[i])
        ]
        self._is_number = set(numbers)
        self._is_class = set(usable) - self._is_number
        self._classes = FewClasses(predictions, label) if self._is_class else None
        self._numbers = (
            FewNumbers(numbers, predictions["value"][numbers], value[numbers], [by_row[i] for i in numbers])
            if numbers
            else None
        )

    def outcomes(self, rows: list[int], yardstick: Yardstick) -> Outcomes:
        """Of ``rows``, all of the version that the yardstick is of. Failed predictions count in ``n`` alone."""
        outcomes = Outcomes(n=len(rows), weight=sum([self._weight[i] for i in rows]), unit=yardstick.unit)
        if self._classes is not None:
            self._classes.add(outcomes, [i for i in rows if i in self._is_class], yardstick)
        if self._numbers is not None:
            self._numbers.add(outcomes, [i for i in rows if i in self._is_number], yardstick)
        return outcomes
