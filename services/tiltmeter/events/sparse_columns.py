"""The features of events that share few names: cells are scattered into one table.

Reading name by name costs some microseconds for every name, however few rows have it. Events that each invent
their names (an id used as a key) would make that a thousand times the cost of parsing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from tiltmeter.events.cell_column import cell_column
from tiltmeter.events.columns import CELL_MISSING, FeatureColumn


def sparse_columns(rows: Sequence[dict[str, Any]]) -> dict[str, FeatureColumn]:
    """The same columns as reading each name by itself."""
    place = {name: at for at, name in enumerate(dict.fromkeys(chain.from_iterable(rows)))}
    cells = cell_column(list(chain.from_iterable(map(dict.values, rows))))
    names = np.fromiter(map(place.__getitem__, chain.from_iterable(rows)), np.int64, len(cells.states))
    owners = np.repeat(np.arange(len(rows)), np.fromiter(map(len, rows), np.int64, len(rows)))
    numbers = np.full((len(place), len(rows)), np.nan)
    states = np.full((len(place), len(rows)), CELL_MISSING, dtype=np.uint8)
    numbers[names, owners] = cells.numbers
    states[names, owners] = cells.states
    texts: dict[int, list[str | None]] = {}
    for at, text in enumerate(cells.texts or ()):
        if text is not None:
            texts.setdefault(int(names[at]), [None] * len(rows))[owners[at]] = text
    return {name: FeatureColumn(numbers[at], states[at], texts.get(at)) for name, at in place.items()}
