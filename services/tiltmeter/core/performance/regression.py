"""Regression metrics from sums of errors."""

from __future__ import annotations

import math

from tiltmeter.core.panes.fixed_point import real
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance.classification import ratio


def mae(outcomes: Outcomes) -> float:
    """Mean absolute error, in the target's units."""
    return ratio(real(outcomes.sum("absolute_error"), outcomes.unit), outcomes.sum("scored"))


def bias(outcomes: Outcomes) -> float:
    """Mean of prediction - label: above zero the model overestimates."""
    return ratio(real(outcomes.sum("error"), outcomes.unit), outcomes.sum("scored"))


def rmse(outcomes: Outcomes) -> float:
    """Root of the mean squared error, in the target's units."""
    return math.sqrt(ratio(real(outcomes.sum("squared_error")), outcomes.sum("scored"))) * outcomes.unit


def r2(outcomes: Outcomes) -> float:
    """1 - squared error over the label's spread; NaN where the labels do not vary. Unit-free.

    The spread is formed in integers, where nothing cancels.
    """
    n, target = outcomes.sum("scored"), outcomes.sum("target")
    # n Σy² - (Σy)², both in 2**-40 units: squared_target has 20 fraction bits, target² has 40.
    spread = (n * outcomes.sum("squared_target") << 20) - target * target
    if n == 0 or spread <= 0:
        return math.nan
    return 1.0 - ((n * outcomes.sum("squared_error")) << 20) / spread
