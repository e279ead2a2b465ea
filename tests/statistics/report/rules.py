"""The alarm rules people use, computed from their published definitions on the same windows.

Each works on int64[T, features, bins] of the last window's values and says, per pane, what is drifted. They are
computed from histograms of 256 reference quantiles, which loses next to nothing: KS distances come out .0004 too
small on average, in the rules' favour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from report.scene import WINDOW, Inputs

#: (windows, inputs) -> bool[T, features], or bool[T] for rules about all features together.
Judge = Callable[[np.ndarray, Inputs], np.ndarray]


@dataclass(frozen=True)
class Rule:
    title: str
    judge: Judge
    source: str


def ks_critical(alpha: float, n: np.ndarray, m: int) -> np.ndarray:
    """Distance at which the asymptotic two-sample Kolmogorov-Smirnov test has p = ``alpha`` (Smirnov 1948)."""
    out: np.ndarray = np.sqrt(-0.5 * np.log(alpha / 2.0) * (n + m) / (n * float(m)))
    return out


def _rows(windows: np.ndarray) -> np.ndarray:
    """int64[T, 1]"""
    out: np.ndarray = windows[:, 0].sum(axis=-1)[:, None]
    return out


def _cdf(counts: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=-1, keepdims=True)
    out: np.ndarray = counts.cumsum(axis=-1)[..., :-1] / total
    return out


def distances(windows: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """float64[T, features]: the KS distance at the edges."""
    out: np.ndarray = np.abs(_cdf(windows) - _cdf(reference)).max(axis=-1)
    return out


def _ks(alpha: float) -> Judge:
    def judge(windows: np.ndarray, inputs: Inputs) -> np.ndarray:
        return distances(windows, inputs.counts) > ks_critical(alpha, _rows(windows), inputs.counts[0].sum())

    return judge


def _ks_small(windows: np.ndarray, inputs: Inputs) -> np.ndarray:
    drifted = distances(windows, inputs.small) > ks_critical(0.05, _rows(windows), inputs.small[0].sum())
    half: np.ndarray = drifted.mean(axis=1) >= 0.5
    return half


def _groups(counts: np.ndarray, groups: int) -> np.ndarray:
    starts = np.round(np.arange(groups) * counts.shape[-1] / groups).astype(int)
    return np.add.reduceat(counts, starts, axis=-1)


def _psi(limit: float) -> Judge:
    def judge(windows: np.ndarray, inputs: Inputs) -> np.ndarray:
        p, q = (_groups(c, 10) for c in (inputs.counts, windows))
        p, q = p / p.sum(-1, keepdims=True), np.maximum(q / q.sum(-1, keepdims=True), 1e-4)
        out: np.ndarray = ((q - p) * np.log(q / p)).sum(axis=-1) > limit
        return out

    return judge


def _wasserstein(windows: np.ndarray, inputs: Inputs) -> np.ndarray:
    """Divided by the standard deviation of the reference, here 1."""
    apart = np.abs(_cdf(windows) - _cdf(inputs.counts))
    width = np.diff(inputs.edges, axis=1)
    out: np.ndarray = ((apart[..., 1:] + apart[..., :-1]) / 2.0 * width).sum(axis=-1) >= 0.1
    return out


def _most_columns(windows: np.ndarray, inputs: Inputs) -> np.ndarray:
    out: np.ndarray = _wasserstein(windows, inputs).mean(axis=1) >= 0.5
    return out


def _mean_shift(windows: np.ndarray, inputs: Inputs) -> np.ndarray:
    """A t-test; with thousands of rows a z-test. A value counts as the mean of a normal's bin."""
    inner = np.pad(_density(inputs.edges), ((0, 0), (1, 1)))
    value = -np.diff(inner) / inputs.shares()
    n, m = _rows(windows), inputs.counts[0].sum()
    apart = (windows * value).sum(axis=-1) / n - (inputs.counts * value).sum(axis=-1) / m
    out: np.ndarray = np.abs(apart) / np.sqrt(1.0 / n + 1.0 / m) > ndtri(0.975)
    return out


def _density(x: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.exp(-0.5 * np.square(x)) / np.sqrt(2.0 * np.pi)
    return out


def _averaged(limit: float) -> Judge:
    def judge(windows: np.ndarray, inputs: Inputs) -> np.ndarray:
        edges = inputs.edges[0]  # those of the other features are the same up to chance
        cell = np.searchsorted(np.linspace(-4.0, 4.0, 21)[1:-1], np.append(edges, edges[-1]))
        starts = np.unique(cell, return_index=True)[1]
        p, q = (np.add.reduceat(c, starts, axis=-1) for c in (inputs.counts, windows))
        p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
        variation = np.abs(p - q).sum(-1) / 2.0
        hellinger = np.sqrt(np.maximum(1.0 - np.sqrt(p * q).sum(-1), 0.0))
        out: np.ndarray = ((variation + hellinger) / 2.0).mean(axis=1) >= limit
        return out

    return judge


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
        _wasserstein,
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


def windows(blocks: Iterator[np.ndarray], width: int = WINDOW) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(panes, windows that end with each of them), both int64[T, features, bins]; windows grow at first."""
    kept: np.ndarray | None = None
    for block in blocks:
        held = block if kept is None else np.concatenate([kept, block])
        sums = held.cumsum(axis=0)
        sums[width:] -= sums[:-width].copy()
        yield block, sums[held.shape[0] - block.shape[0] :]
        kept = held[-(width - 1) :]
