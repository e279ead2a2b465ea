"""Regression metrics from sums of errors and from residual counts."""

from __future__ import annotations

import math

import numpy as np

from tiltmeter.core.panes.fixed_point import ONE, real
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance.classification import ratio
from tiltmeter.core.reference.profile import Performance


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


def pinball_loss(outcomes: Outcomes, quantile: float) -> float:
    """Mean quantile loss (Koenker & Bassett 1978): ``quantile`` per unit predicted too low, 1 - ``quantile`` per unit
    too high. From the sums of e and |e|: too low is (|e| - e) / 2, too high (|e| + e) / 2."""
    size, signed = outcomes.sum("absolute_error"), outcomes.sum("error")
    loss = quantile * (size - signed) + (1.0 - quantile) * (size + signed)
    return ratio(loss / 2 * outcomes.unit / ONE, outcomes.sum("scored"))


def residual_ks(outcomes: Outcomes, reference: Performance) -> float:
    """KS distance of the errors from those of the reference, over its bins: at most the true one. NaN without
    residuals on both sides. ``reference`` must be the version's first: its bins were counted."""
    size = len(reference.residual_counts)
    if not outcomes.residuals or not size or max(outcomes.residuals) >= size:
        return math.nan
    counts = np.zeros(size, dtype=np.int64)
    counts[list(outcomes.residuals)] = list(outcomes.residuals.values())
    theirs = np.array(reference.residual_counts, dtype=np.int64)
    apart = np.cumsum(counts) / counts.sum() - np.cumsum(theirs) / theirs.sum()
    return float(np.abs(apart).max())
