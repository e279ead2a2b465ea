"""The mean embedding of one pane's sampled rows: sums of cosines and sines of random projections of their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tiltmeter.events.columns import Int64

#: Random frequencies; each has a cosine and a sine.
FREQUENCIES = 128
COMPONENTS = 2 * FREQUENCIES
#: A component of a row is a whole number of 2**-14, at most ±1.
ONE = 1 << 14


@dataclass(slots=True, eq=False)
class EmbeddingCounts:
    """Additive, over the *sampled* complete rows (see ``counting.fill_embedding``). ``sums`` int64[256] in units of
    2**-14: the cosines of all frequencies, then the sines. About 2 KB on the wire."""

    rows: int
    sums: Int64

    @classmethod
    def empty(cls) -> EmbeddingCounts:
        return cls(0, np.zeros(COMPONENTS, dtype=np.int64))

    def add(self, other: EmbeddingCounts, sign: int = 1) -> None:
        """Merge counts over the same profile; ``sign=-1`` takes them out again, exactly."""
        self.rows += sign * other.rows
        self.sums = self.sums + sign * other.sums

    def to_wire(self) -> dict[str, Any]:
        return {"rows": self.rows, "sums": self.sums.tolist()}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> EmbeddingCounts:
        """Inverse of :meth:`to_wire`; ValueError for another number of components."""
        sums = np.array(wire["sums"], dtype=np.int64)
        if sums.shape != (COMPONENTS,):
            raise ValueError(f"an embedding has {COMPONENTS} sums, not {sums.size}")
        return cls(wire["rows"], sums)
