"""What a contender achieved, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bench.throughput.watched import Watched


@dataclass(frozen=True, slots=True)
class Measured:
    per_second: float
    cpu_seconds_per_million: float
    peak_rss_bytes: int

    @classmethod
    def of(cls, process: Watched, events: int, begin: float, end: float) -> Self:
        """``events`` of the process between two moments of the wall clock."""
        cpu = process.cpu_seconds(begin, end)
        return cls(events / (end - begin), cpu / events * 1e6, process.peak_rss_bytes)
