"""Calm streams that are not i.i.d.: what healthy production data look like."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from report.scene import PANES_PER_DAY

#: Amplitude of the daily wave and standard deviation of AR(.9) jitter, both in standard deviations of the feature.
LEVELS = {
    "i.i.d.": (0.0, 0.0),
    "A .03": (0.03, 0.03),
    "A .06": (0.06, 0.03),
    "A .10": (0.10, 0.05),
    "A .20": (0.20, 0.05),
}


def autoregressive(rng: np.random.Generator, panes: int, series: int, rho: float, sd: float) -> np.ndarray:
    """float64[panes, series]: stationary AR(1) around zero with standard deviation ``sd``."""
    noise = rng.normal(0.0, sd * np.sqrt(1.0 - rho * rho), (panes, series))
    noise[0] = rng.normal(0.0, sd, series)
    out: np.ndarray = lfilter([1.0], [1.0, -rho], noise, axis=0)
    return out


def feature_shifts(rng: np.random.Generator, level: str, panes: int, features: int) -> np.ndarray:
    """float64[panes, features]: the mean of each feature, each with a phase of its own."""
    amplitude, jitter = LEVELS[level]
    phase = rng.uniform(0.0, 2.0 * np.pi, features)
    wave = np.sin(2.0 * np.pi * np.arange(panes)[:, None] / PANES_PER_DAY + phase)
    return amplitude * wave + autoregressive(rng, panes, features, 0.9, jitter)


#: Error rates around .08 with nothing wrong.
LABEL_STREAMS = ("i.i.d.", "jitter sd .01", "AR(.95) sd .01", "daily ±.015")


def error_rates(rng: np.random.Generator, stream: str, panes: int, start: int = 0) -> np.ndarray:
    """float64[panes]: P(error) of each pane."""
    rates = np.full(panes, 0.08)
    if stream == "jitter sd .01":
        rates += rng.normal(0.0, 0.01, panes)
    elif stream == "AR(.95) sd .01":
        rates += autoregressive(rng, panes, 1, 0.95, 0.01)[:, 0]
    elif stream == "daily ±.015":
        rates += 0.015 * np.sin(2.0 * np.pi * (start + np.arange(panes)) / PANES_PER_DAY)
    return rates.clip(0.001, 0.999)
