"""Age at labelling, and the cohort of predictions a label counts for.

Cohorts coarsen with age (1 min → 1 h → 1 d): a label that comes after a month does not need to know the minute
of its prediction, and the number of cells stays bounded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.policy import DAY, HOUR, MINUTE

#: Upper limits of the age buckets, milliseconds; the last bucket is open.
AGE_LIMITS_MS = (
    MINUTE,
    5 * MINUTE,
    HOUR,
    6 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    60 * DAY,
    90 * DAY,
)
_LIMITS = np.array(AGE_LIMITS_MS, dtype=np.int64)
#: Cohort width per age bucket (one longer than the limits).
_WIDTHS = np.array([MINUTE] * 3 + [HOUR] * 2 + [DAY] * 7, dtype=np.int64)


def cohort_width_ms(bucket: int) -> int:
    """Width of the cohorts whose labels are counted in this age bucket."""
    return int(_WIDTHS[bucket])


def age_buckets(age_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n] ages ≥ 0 → bucket 0..11; an age equal to a limit belongs to the bucket below it."""
    return np.searchsorted(_LIMITS, age_ms, side="left")


def cohort_starts(at_ms: NDArray[np.int64], bucket: NDArray[np.int64]) -> NDArray[np.int64]:
    """Start of the prediction's cohort, given the age bucket of its label."""
    width = _WIDTHS[bucket]
    return at_ms // width * width
