"""Which predictions are sent when not all are.

The decision is a function of the id alone, so every process of a fleet, and the service that sends the
feedback weeks later, decide alike without talking to each other.
"""

from __future__ import annotations

from math import floor
from zlib import crc32

_EXACT = 1e-9


class Sampler:
    """Keeps one id in ``weight``; each event kept stands for ``weight`` events (semantics 10)."""

    def __init__(self, rate: float) -> None:
        """Raises ValueError unless 1/rate is a whole number, because weights are integers."""
        if not 0 < rate <= 1:
            raise ValueError(f"sample_rate is {rate!r}; it lies in (0, 1]")
        weight = round(1 / rate)
        if abs(1 / rate - weight) > _EXACT * weight:
            below = floor(1 / rate)
            raise ValueError(
                f"sample_rate is {rate!r}, and 1/rate must be a whole number: the nearest usable rates are "
                f"{1 / (below + 1)!r} (one in {below + 1}) and {1 / below!r} (one in {below})"
            )
        self.weight = weight

    def keeps(self, key: bytes) -> bool:
        # CRC32 shares nothing with murmur2, which picks the partition: every partition is sampled alike.
        return self.weight == 1 or crc32(key) % self.weight == 0
