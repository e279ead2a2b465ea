"""The alarm rules people use, computed from their published definitions on the same windows.

Each looks at the last window's values, int64[T, features, bins], and says, per pane, what is drifted. They are
computed from histograms of 256 reference quantiles, which loses next to nothing: KS distances come out .0004 too
small on average, in the rules' favour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from report.seen import Seen, edge_distances

#: bool[T, features], or bool[T] for rules about all features together.
Judge = Callable[[Seen], np.ndarray]


@dataclass(frozen=True)
class Rule:
    title: str
    judge: Judge
    source: str


def ks_critical(alpha: float, n: np.ndarray, m: int) -> np.ndarray:
    """Distance at which the asymptotic two-sample Kolmogorov-Smirnov test has p = ``alpha`` (Smirnov 1948)."""
    out: np.ndarray = np.sqrt(-0.5 * np.log(alpha / 2.0) * (n + m) / (n * float(m)))
    return out


def _ks(alpha: float) -> Judge:
    return lambda seen: seen.distances > ks_critical(alpha, seen.rows, seen.inputs.counts[0].sum())


def _ks_small(seen: Seen) -> np.ndarray:
    small = seen.inputs.small
    drifted = edge_distances(seen.cdf, small).max(axis=-1) > ks_critical(0.05, seen.rows, small[0].sum())
    half: np.ndarray = drifted.mean(axis=1) >= 0.5
    return half


def _groups(counts: np.ndarray, groups: int) -> np.ndarray:
    starts = np.round(np.arange(groups) * counts.shape[-1] / groups).astype(int)
    return np.add.reduceat(counts, starts, axis=-1)


def _psi(limit: float) -> Judge:
    def judge(seen: Seen) -> np.ndarray:
        p, q = (_groups(c, 10) for c in (seen.inputs.counts, seen.windows))
        p, q = p / p.sum(-1, keepdims=True), np.maximum(q / q.sum(-1, keepdims=True), 1e-4)
        out: np.ndarray = ((q - p) * np.log(q / p)).sum(axis=-1) > limit
        return out

    return judge


def _most_columns(seen: Seen) -> np.ndarray:
    out: np.ndarray = seen.moved.mean(axis=1) >= 0.5
    return out


def _mean_shift(seen: Seen) -> np.ndarray:
    """A t-test; with thousands of rows a z-test. A value counts as the mean of a normal's bin."""
    inputs = seen.inputs
    inner = np.pad(_density(inputs.edges), ((0, 0), (1, 1)))
    value = -np.diff(inner) / inputs.shares()
    n, m = seen.rows, inputs.counts[0].sum()
    apart = (seen.windows * value).sum(axis=-1) / n - (inputs.counts * value).sum(axis=-1) / m
    out: np.ndarray = np.abs(apart) / np.sqrt(1.0 / n + 1.0 / m) > ndtri(0.975)
    return out


def _density(x: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.exp(-0.5 * np.square(x)) / np.sqrt(2.0 * np.pi)
    return out


def _averaged(limit: float) -> Judge:
    return lambda seen: seen.histogram_score >= limit


_SCIPY = (
    "[`scipy.stats.ks_2samp`](https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.ks_2samp.html)"
)
_EVIDENTLY = "[Evidently's default](https://docs-old.evidentlyai.com/reference/data-drift-algorithm)"
_TRUSTYAI = "[TrustyAI's drift demo](https://github.com/trustyai-explainability/odh-trustyai-demos/tree/main/3-DataDrift)"
_MLRUN = (
    "[MLRun's histogram drift application]"
    "(https://docs.mlrun.org/en/latest/_modules/mlrun/model_monitoring/applications/histogram_data_drift.html)"
)

RULES = {
    "ks": Rule("`ks_2samp` p < .05, any feature", _ks(0.05), f"{_SCIPY}, two-sided, asymptotic p-value"),
    "bonferroni": Rule("the same, Bonferroni (p < .05 / 20)", _ks(0.05 / 20), _SCIPY),
    "psi": Rule(
        "PSI > .2, any feature",
        _psi(0.2),
        "ten bins at the reference's deciles; .2 is the rule of thumb of credit scoring",
    ),
    "evidently_small": Rule(
        "Evidently, reference of 1,000 rows: KS p < .05 in half of the columns",
        _ks_small,
        f"{_EVIDENTLY} up to 1,000 rows; a data set has drifted if the share of drifted columns is at least .5",
    ),
    "evidently_column": Rule(
        "Evidently, Wasserstein ≥ .1, any column",
        lambda seen: seen.moved,
        f"{_EVIDENTLY} above 1,000 rows: Wasserstein distance in standard deviations of the reference, .1",
    ),
    "evidently": Rule(
        "Evidently, Wasserstein ≥ .1 in half of the columns",
        _most_columns,
        "the same, for the data set: share at least .5",
    ),
    "trustyai": Rule(
        "TrustyAI, mean shift p < .05, any feature",
        _mean_shift,
        f"{_TRUSTYAI}: a p-value per column, significant below .05; its KS test has the same default",
    ),
    "mlrun": Rule(
        "MLRun, averaged score ≥ .7 (detected)",
        _averaged(0.7),
        f'{_MLRUN}: mean over features of (total variation + Hellinger) / 2 on 20 equal bins; .5 is "potential"',
    ),
    "mlrun_potential": Rule("MLRun, averaged score ≥ .5 (potential)", _averaged(0.5), "the same"),
}
