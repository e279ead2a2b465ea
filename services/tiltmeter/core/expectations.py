"""What a user expects of a feature, whatever the reference says: a range, no gaps, certain values only.

Counted where predictions become panes, cell by cell; a cell breaks at most one expectation, the first of
:data:`VIOLATIONS` that applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tiltmeter.events.columns import (
    CELL_MISSING,
    CELL_NONFINITE,
    CELL_OK,
    CELL_TEXT,
    CELL_TYPE_ERROR,
    FeatureColumn,
    Int64,
)

#: Order of the counts. ``missing``: null, absent or not finite where a value is required; ``wrong_type``: a list or
#: an object, or text where a range is expected.
VIOLATIONS = ("missing", "wrong_type", "below", "above", "not_allowed")
_MISSING, _WRONG_TYPE, _BELOW, _ABOVE, _NOT_ALLOWED = range(len(VIOLATIONS))


@dataclass(frozen=True, slots=True)
class Expectation:
    """Of one feature. ``allowed`` empty: any value. Numbers are allowed as numbers, text and booleans (``true``,
    ``false``) as text. ``minimum`` and ``maximum`` themselves are allowed."""

    minimum: float | None = None
    maximum: float | None = None
    required: bool = False
    allowed: tuple[str | float, ...] = ()

    def violations(self, column: FeatureColumn | None, members: Int64) -> Int64:
        """int64[5], in the order of :data:`VIOLATIONS`: how many of the rows ``members`` break it. A column that is
        None has no value in any row."""
        counts = np.zeros(len(VIOLATIONS), dtype=np.int64)
        if column is None:
            counts[_MISSING] = members.size if self.required else 0
            return counts
        states = column.states[members]
        if self.required:
            counts[_MISSING] = np.count_nonzero((states == CELL_MISSING) | (states == CELL_NONFINITE))
        wrong = states == CELL_TYPE_ERROR
        if self.minimum is not None or self.maximum is not None:
            wrong |= states == CELL_TEXT
        counts[_WRONG_TYPE] = np.count_nonzero(wrong)
        numbers = column.numbers[members[states == CELL_OK]]
        if self.minimum is not None:
            counts[_BELOW] = np.count_nonzero(numbers < self.minimum)
            numbers = numbers[numbers >= self.minimum]
        if self.maximum is not None:
            counts[_ABOVE] = np.count_nonzero(numbers > self.maximum)
            numbers = numbers[numbers <= self.maximum]
        if self.allowed:
            known = [value for value in self.allowed if not isinstance(value, str)]
            counts[_NOT_ALLOWED] = np.count_nonzero(~np.isin(numbers, known))
            counts[_NOT_ALLOWED] += self._texts_not_allowed(column, members[(states == CELL_TEXT) & ~wrong])
        return counts

    def _texts_not_allowed(self, column: FeatureColumn, rows: Int64) -> int:
        texts = column.texts or []
        known = {value for value in self.allowed if isinstance(value, str)}
        return sum(texts[row] not in known for row in rows.tolist())


def count_violations(
    expected: Mapping[str, Expectation], features: Mapping[str, FeatureColumn], members: Int64
) -> dict[str, Int64]:
    """Per expected feature, in name order; also those that nothing broke, so that a rate has its zero."""
    return {
        name: expectation.violations(features.get(name), members)
        for name, expectation in sorted(expected.items())
    }
