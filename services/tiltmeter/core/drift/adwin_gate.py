"""When ADWIN's window says that a loss has risen for good."""

from __future__ import annotations

import math

from tiltmeter.core.drift.adwin import AdwinUpdate


def gate_excess(
    window: AdwinUpdate, baseline_upper: float, tolerance: float, arl_panes: float, phi: float = 1.0
) -> float:
    """By how much the window's mean, less its margin, exceeds ``baseline_upper`` + ``tolerance``; > 0 warns.
    NaN before any data.

    margin = sqrt(2 v L / n) + (2/3) L / n, L = ln(``arl_panes``): Bernstein's inequality for a fixed window,
    v = max(variance between panes, ``phi`` * variance of values). Ask at every pane, not only at a cut: right
    after one the window is too small to say anything.

    Heuristic: the window is chosen by the data, so the false-alarm rate is not proved (simulated: 0-1 in 30
    days of jitter, autocorrelated or daily waves that make the bare ADWIN cut hundreds of times). One-sided:
    an improvement lowers the excess.
    """
    if window.width == 0:
        return math.nan
    log_term = math.log(arl_panes)
    noise = max(window.variance, phi * window.item_variance)
    margin = math.sqrt(2.0 * noise * log_term / window.width) + 2.0 / 3.0 * log_term / window.width
    return window.mean - margin - (baseline_upper + tolerance)
