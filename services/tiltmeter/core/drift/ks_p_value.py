"""The p-value of the two-sample Kolmogorov-Smirnov statistic, between bounds: for gauges, nothing alarms on it."""

from __future__ import annotations

import math

from scipy.special import kolmogorov

from tiltmeter.core.drift.ks import KsDistance


def ks_p_value(distance: KsDistance) -> tuple[float, float]:
    """(at least, at most): the asymptotic p-value (Smirnov 1948) of the raw values' D, whose statistic lies in
    [lower, upper]; (NaN, NaN) if a side is empty.

    Q(D sqrt(n m / (n + m))), of independent rows; with ties, too large. It is the p-value of this one look. Windows
    are looked at with every pane, so a small one comes in time whatever happens, and with enough rows a difference
    without any meaning makes it zero: what may be alarmed on is :meth:`KsBudget.at_least`.
    """
    n, m = distance.window_rows, distance.reference_rows
    if n == 0 or m == 0:
        return math.nan, math.nan
    root = math.sqrt(n * (m / (n + m)))
    return float(kolmogorov(root * distance.upper)), float(kolmogorov(root * distance.lower))
