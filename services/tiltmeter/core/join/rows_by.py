"""Group the rows of a batch by integer columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tiltmeter.events.columns import Int64


def rows_by(*columns: Int64) -> Iterator[tuple[tuple[int, ...], Int64]]:
    """Distinct value tuples with the indices of their rows (ascending), in lexicographic order.

    One sort for the whole batch; no Python object per row.
    """
    n = columns[0].size
    if n == 0:
        return
    if all(np.count_nonzero(column != column[0]) == 0 for column in columns):  # most batches
        yield tuple(int(column[0]) for column in columns), np.arange(n)
        return
    order = np.lexsort(columns[::-1])
    changed = np.zeros(n, dtype=bool)
    changed[0] = True
    for column in columns:
        in_order = column[order]
        changed[1:] |= in_order[1:] != in_order[:-1]
    starts = np.flatnonzero(changed)
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        rows = order[start:end]
        yield tuple(int(column[rows[0]]) for column in columns), rows
