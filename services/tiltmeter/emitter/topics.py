"""Where events go."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_PREFIX = "tiltmeter"


class Topics(NamedTuple):
    """The two source topics. They have the same number of partitions, or the join refuses to start."""

    predictions: str
    feedback: str

    @classmethod
    def of(cls, prefix: str = DEFAULT_PREFIX) -> Topics:
        return cls(f"{prefix}.predictions", f"{prefix}.feedback")
