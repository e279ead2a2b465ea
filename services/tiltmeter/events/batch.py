"""The documents of a micro-batch, read by column."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tiltmeter.events.columns import Int64, Record

Values = Sequence[Any]


def same_keys(mappings: Sequence[dict[str, Any]]) -> bool:
    """Whether all have the first one's keys in the first one's order, as the events of one producer do.

    The parser reuses the strings of keys it has seen, so this compares pointers.
    """
    if not mappings:
        return True
    first = tuple(mappings[0])
    return all(map(first.__eq__, map(tuple, mappings)))


def transpose(mappings: Sequence[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Column by key, for mappings (at least one) of which :func:`same_keys` holds: much faster than ``get``."""
    return dict(zip(mappings[0], zip(*map(dict.values, mappings), strict=True), strict=True))


class Batch:
    """Records and their JSON objects, row by row. Immutable."""

    def __init__(self, records: Sequence[Record], documents: list[dict[str, Any]]) -> None:
        self.records = records
        self.documents = documents
        self._columns: dict[str, tuple[Any, ...]] | None = None
        self._names: set[str] = set()
        if documents and same_keys(documents):
            self._columns = transpose(documents)
        else:
            self._names.update(*documents)

    def __len__(self) -> int:
        return len(self.documents)

    def find(self, name: str) -> Values | None:
        """The column, None in rows without the field; or None if no row has it."""
        if self._columns is not None:
            return self._columns.get(name)
        if name not in self._names:
            return None
        return [document.get(name) for document in self.documents]

    def column(self, name: str) -> Values:
        """The column, all None if no row has it."""
        found = self.find(name)
        return (None,) * len(self) if found is None else found

    def without(self, rows: Collection[int]) -> Batch:
        kept = [row for row in range(len(self)) if row not in rows]
        return Batch([self.records[row] for row in kept], [self.documents[row] for row in kept])

    @cached_property
    def kafka_ms(self) -> Int64:
        """Kafka timestamps, epoch milliseconds; negative where a record has none."""
        return np.fromiter([record.timestamp for record in self.records], dtype=np.int64, count=len(self))

    @cached_property
    def offsets(self) -> Int64:
        return np.fromiter([record.offset for record in self.records], dtype=np.int64, count=len(self))
