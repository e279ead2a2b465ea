"""One measured value, before it becomes Prometheus text."""

from __future__ import annotations

from typing import NamedTuple

#: A number; or a histogram's cumulative buckets with their upper limits, and its sum.
Value = float | tuple[list[tuple[str, float]], float]


class Sample(NamedTuple):
    """``labels`` in the order of the metric's table row."""

    metric: str
    labels: tuple[str, ...]
    value: Value
