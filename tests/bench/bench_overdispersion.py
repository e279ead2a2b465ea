"""Two estimates of over-dispersion while something changes: ``make bench`` or

    PYTHONPATH=tests python tests/bench/bench_overdispersion.py

A normal feature, 2,000 values a pane, 200 panes to learn from, the CDF at 31 quantiles; 10 runs each, seeded. 1 is
the truth: all values are independent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from tiltmeter.core.drift.overdispersion import Overdispersion

PANES, ROWS, RUNS = 200, 2_000, 10
QUANTILES = np.arange(1, 32) / 32
STREAMS: dict[str, Callable[[int], float]] = {
    "nothing changes": lambda pane: 0.0,
    "a step of .2 standard deviations half way": lambda pane: 0.2 * (pane >= PANES // 2),
    "a trend of .2 standard deviations": lambda pane: 0.2 * pane / PANES,
}


def estimates(level: Callable[[int], float], rng: np.random.Generator) -> tuple[float, float]:
    """(from the differences of neighbouring panes, from the variance over panes)"""
    learner, shares = Overdispersion(1, QUANTILES.size, PANES), []
    for pane in range(PANES):
        values = np.sort(rng.normal(level(pane), 1.0, ROWS))
        below = np.searchsorted(values, norm.ppf(QUANTILES), side="right")
        learner.on_pane(np.array([ROWS]), below[None, :])
        shares.append(below / ROWS)
    mean = np.mean(shares, axis=0)
    spread = np.var(shares, axis=0, ddof=1) / (mean * (1 - mean) / ROWS)
    return float(learner.phi[0]), max(1.0, float(np.percentile(spread, 90)))


def main() -> None:
    rng = np.random.default_rng(0)
    print(f"{'median phi':44}{'neighbours':>12}{'variance':>12}")
    for name, level in STREAMS.items():
        medians = np.median([estimates(level, rng) for _ in range(RUNS)], axis=0)
        print(f"{name:44}{medians[0]:12.2f}{medians[1]:12.2f}")


if __name__ == "__main__":
    main()
