"""How long labels take, from counts by age bucket."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tiltmeter.core.panes.cohorts import AGE_LIMITS_MS

QUANTILES = (0.5, 0.9, 0.99)


@dataclass(slots=True)
class LabelAges:
    """Additive: labels by age bucket."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(AGE_LIMITS_MS) + 1))

    def add(self, other: LabelAges, sign: int = 1) -> None:
        self.counts = [mine + sign * theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]

    @property
    def n(self) -> int:
        return sum(self.counts)

    def to_wire(self) -> dict[str, Any]:
        return {"counts": self.counts}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> LabelAges:
        return cls(list(wire["counts"]))


def delay_quantile_ms(counts: Sequence[int], q: float) -> float:
    """The q-quantile of the delay, interpolated inside its age bucket; the truth lies in the same bucket. Beyond the
    last limit it is that limit: at least 90 days. NaN without labels."""
    rank, below = q * sum(counts), 0
    for bucket, n in enumerate(counts):
        if n and below + n >= rank:
            low = AGE_LIMITS_MS[bucket - 1] if bucket else 0
            high = AGE_LIMITS_MS[bucket] if bucket < len(AGE_LIMITS_MS) else low
            return low + (high - low) * max(rank - below, 0.0) / n
        below += n
    return math.nan


def delay_limit_ms(counts: Sequence[int], q: float) -> int | None:
    """The age by which a share ``q`` of the labels had come for certain: a limit of an age bucket. None without
    labels, or if that is beyond the last limit."""
    n, known = 0, sum(counts)
    for limit, within in zip(AGE_LIMITS_MS, counts, strict=False):  # the last bucket has no limit
        n += within
        if known and n >= q * known:
            return limit
    return None
