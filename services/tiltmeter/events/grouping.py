"""Rows by (model, version), and apart where their names have little in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tiltmeter.events.columns import Int64
from tiltmeter.events.name_map import NameMaps

#: A group may have this many cells without question, and this many times the cells its events really hold.
_FREE_CELLS = 1 << 14
_PADDING = 4


def rows_by_version(models: Sequence[str], versions: Sequence[str]) -> Iterator[tuple[str, str, Int64]]:
    """Each (model, version) with its rows, ascending, in order of first appearance."""
    if not models:
        return
    if len(set(models)) == 1 and len(set(versions)) == 1:
        yield models[0], versions[0], np.arange(len(models))
        return
    pairs = list(zip(models, versions, strict=True))
    index = {pair: at for at, pair in enumerate(dict.fromkeys(pairs))}
    group = np.fromiter(map(index.__getitem__, pairs), dtype=np.int64, count=len(pairs))
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group))
    for (model, version), rows in zip(index, np.split(order, ends[:-1]), strict=True):
        yield model, version, rows


def dense_parts(rows: Int64, columns: Sequence[NameMaps]) -> Iterator[Int64]:
    """``rows``, cut in halves until a table of rows by names is not mostly empty.

    Without this, 4,096 events with 1,000 invented names each (a few MB of log) would need a table of 16 billion
    cells. Panes add up, so cutting changes no result.
    """
    ragged = [column for column in columns if not column.uniform]
    if ragged and len(rows) > 1:
        cells = names = 0
        for column in ragged:
            maps = column.pick(rows.tolist())
            cells += sum(map(len, maps))
            names += len(set().union(*maps))
        if names * len(rows) > _PADDING * cells + _FREE_CELLS:
            middle = len(rows) // 2
            yield from dense_parts(rows[:middle], ragged)
            yield from dense_parts(rows[middle:], ragged)
            return
    yield rows
