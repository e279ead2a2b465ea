"""What a distance means: changes of a normal in the units of the alarms and of the rules of thumb, and the margins
that an alarm takes off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from report.markdown import table
from report.scene import FEATURES, POLICY, true_distance
from tiltmeter.core.drift.distances import hellinger, jensen_shannon, kullback_leibler, psi
from tiltmeter.core.drift.ks import KsBudget
from tiltmeter.core.verdicts.budget import Budget

SHIFTS = (0.05, 0.1, 0.125, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
SCALES = (1.1, 1.25, 1.5, 2.0)
_X = np.linspace(-12.0, 12.0, 240_001)


#: Rows that stand for a population: half a row more in each group does not show.
_ROWS = 10**12


@dataclass(frozen=True)
class Sizes:
    """All but the first and the last in ten groups of equal reference mass."""

    ks: float
    psi: float
    kullback_leibler: float
    jensen_shannon: float
    hellinger: float
    wasserstein_sigmas: float


def of_shift(sigmas: float) -> Sizes:
    return _sizes(float(true_distance(sigmas)), _shares(lambda x: x - sigmas), sigmas)


def of_scale(ratio: float) -> Sizes:
    apart = np.abs(ndtr(_X) - ndtr(_X / ratio))
    return _sizes(float(apart.max()), _shares(lambda x: x / ratio), float(np.trapezoid(apart, _X)))


def _sizes(ks: float, shares: np.ndarray, moved: float) -> Sizes:
    """By the functions behind the gauges."""
    reference, window = np.full(10, _ROWS // 10), np.rint(shares * _ROWS).astype(np.int64)
    measures = (psi, kullback_leibler, jensen_shannon, hellinger)
    return Sizes(ks, *(measure(reference, window) for measure in measures), moved)


def _shares(standard: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.diff(ndtr(standard(ndtri(np.arange(1, 10) / 10.0))), prepend=0.0, append=1.0)


def markdown() -> str:
    head = [
        "change of a normal feature",
        "KS distance",
        "PSI",
        "Kullback-Leibler",
        "Jensen-Shannon",
        "Hellinger",
        "Wasserstein, σ",
    ]
    rows = [[f"mean + {s:g} σ", *(f"{x:.3f}" for x in astuple(of_shift(s)))] for s in SHIFTS]
    rows += [[f"spread × {r:g}", *(f"{x:.3f}" for x in astuple(of_scale(r)))] for r in SCALES]
    return table(head, rows)


ROWS_IN_WINDOW, ROWS_IN_REFERENCE = (1_200, 12_000, 120_000, 1_200_000), (1_000, 10_000, 100_000, 1_000_000)


def margins() -> str:
    """What the KS window takes off a distance, at the default budget with the tables' panes and features."""
    budget = KsBudget(Budget.of(POLICY).part("features", "ks_window").arl_panes, FEATURES)
    head = ["rows in the window", "margin", "rows of the reference", "margin"]
    rows = [
        [f"{n:,}", f"{budget.window_margin(n):.3f}", f"{m:,}", f"{budget.reference_margin(m):.3f}"]
        for n, m in zip(ROWS_IN_WINDOW, ROWS_IN_REFERENCE, strict=True)
    ]
    return table(head, rows)


if __name__ == "__main__":
    print(markdown(), margins(), sep="\n")
