"""Performance over time as points with a band."""

from __future__ import annotations

import math
from typing import Any

from tiltmeter.core.drift.upper_bounds import clopper_pearson_upper
from tiltmeter.core.panes.fixed_point import real
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.policy import Tolerances
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.watch.history import History
from tiltmeter.core.watch.version_watch import VersionWatch

#: Points of a picture, at most: neighbouring panes are pooled.
POINTS = 120
#: Two-sided 95 % normal quantile.
_Z = 1.96


def performance_points(watch: VersionWatch, points: int = POINTS) -> dict[str, Any]:
    """``points`` are [start_ms, labels, value, low, high]; ``reference`` and ``allowed`` are where it should be."""
    regression = watch.labelled.performance.regression
    step_ms, slots = _pooled(watch.labelled.history, watch.total.key.width_ms, points)
    measured = watch.features.reference.performance if watch.features is not None else None
    return {
        "measure": "mean absolute error" if regression else "error rate",
        "ratio": not regression,
        "step_ms": step_ms,
        "points": [
            [start_ms, *loss] for start_ms, o in slots.items() if (loss := mean_loss(o, regression))[0]
        ],
        **_expected(measured, watch.policy.tolerances),
    }


def mean_loss(outcomes: Outcomes, regression: bool) -> tuple[int, float, float, float]:
    """(labels, error rate or mean absolute error, low, high); the rest is NaN without labels."""
    if not (outcomes.sum("scored") if regression else outcomes.classified):
        return 0, math.nan, math.nan, math.nan
    return _absolute_error(outcomes) if regression else _error_rate(outcomes)


def wilson(successes: int, n: int, z: float = _Z) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927): right also near 0 and 1, and for few labels."""
    share, z2 = successes / n, z * z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _pooled(history: History, pane_ms: int, points: int) -> tuple[int, dict[int, Outcomes]]:
    starts = [start_ms for start_ms, _ in history]
    span = (starts[-1] - starts[0]) // pane_ms + 1 if starts else 1
    step_ms = -(-span // points) * pane_ms
    slots: dict[int, Outcomes] = {}
    for start_ms, outcomes in history:
        slots.setdefault(start_ms - start_ms % step_ms, Outcomes()).add(outcomes)
    return step_ms, slots


def _error_rate(outcomes: Outcomes) -> tuple[int, float, float, float]:
    n = outcomes.classified
    wrong = n - outcomes.correct
    return n, wrong / n, *wilson(wrong, n)


def _absolute_error(outcomes: Outcomes) -> tuple[int, float, float, float]:
    """The band is the mean's normal interval."""
    n, unit = outcomes.sum("scored"), outcomes.unit
    mean = real(outcomes.sum("absolute_error"), unit) / n
    square = real(outcomes.sum("squared_error"), unit) * unit / n
    half = _Z * math.sqrt(max(square - mean * mean, 0.0) / n)
    return n, mean, max(0.0, mean - half), mean + half


def _expected(reference: Performance | None, tolerances: Tolerances) -> dict[str, Any]:
    """What the reference had, and for classes the rates above which the proved detectors gather evidence."""
    if reference is None or not reference.labelled:
        return {"reference": None, "allowed": {}}
    if reference.task == "regression":
        return {"reference": reference.absolute_error_sum / reference.labelled, "allowed": {}}
    upper = clopper_pearson_upper(reference.errors, reference.labelled)
    allowed = {"warning": upper + tolerances.error_rate, "critical": upper + tolerances.error_rate_critical}
    return {"reference": reference.errors / reference.labelled, "allowed": allowed}
