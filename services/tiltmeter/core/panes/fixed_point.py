"""Real numbers as integers, so that sums do not depend on the order of addition (semantics 8).

A term is quantised once, where its event is first seen: ``round(x / unit * 2**20)``, clipped to ±2**50. Sums of
4,096 terms fit int64; panes keep Python integers, which do not overflow. The error of a mean is at most
2**-21 units. ``unit`` is a power of two, so dividing by it is exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRACTION_BITS = 20
ONE = 1 << FRACTION_BITS
_LIMIT = float(1 << 50)
_TERMS = 4_096


def quantise(values: NDArray[np.float64], unit: float | NDArray[np.float64] = 1.0) -> NDArray[np.int64]:
    """float64[n] → int64[n] in units of ``unit / 2**20``, or each in a ``unit`` of its own, float64[n]; ±inf clips,
    NaN is the caller's bug."""
    with np.errstate(over="ignore"):  # what overflows is infinite, and clips
        scaled = np.rint(values * (ONE / unit))
    return np.clip(scaled, -_LIMIT, _LIMIT).astype(np.int64)


def real(total: int, unit: float = 1.0) -> float:
    """The sum in the units of the data."""
    return total * unit / ONE


def power_of_two_at_least(value: float) -> float:
    """The smallest power of two ≥ value (1.0 for zero, NaN or infinity): a unit that divides exactly."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    mantissa, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)


def total(values: NDArray[Any]) -> int:
    """Exact sum of an array of integers within ±2**50 as a Python int, however many they are."""
    return sum(int(values[i : i + _TERMS].sum(dtype=np.int64)) for i in range(0, values.size, _TERMS))
