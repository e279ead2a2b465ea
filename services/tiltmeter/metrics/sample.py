"""One measured value, before it becomes Prometheus text."""

from __future__ import annotations

from typing import NamedTuple


class Sample(NamedTuple):
    """``labels`` in the order of the metric's table row. A histogram's value is its cumulative buckets with
    their upper limits, and its sum."""

    metric: str
    labels: tuple[str, ...]
    value: float | tuple[list[tuple[str, float]], float]
