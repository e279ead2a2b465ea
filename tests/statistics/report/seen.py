"""What the rules look at: the last panes together, and how far they are from the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from report.scene import WINDOW, Inputs


def windows(blocks: Iterator[np.ndarray], width: int = WINDOW) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(panes, windows that end with each of them), both int64[T, features, bins]; windows grow at first."""
    kept: np.ndarray | None = None
    for block in blocks:
        held = block if kept is None else np.concatenate([kept, block])
        sums = held.cumsum(axis=0)
        sums[width:] -= sums[:-width].copy()
        yield block, sums[held.shape[0] - block.shape[0] :]
        kept = held[-(width - 1) :]


@dataclass(frozen=True)
class Seen:
    """The windows of some panes. Several rules read the same distances: they are computed once."""

    windows: np.ndarray  # int64[T, features, bins]
    inputs: Inputs

    @cached_property
    def rows(self) -> np.ndarray:
        """int64[T, 1]"""
        out: np.ndarray = self.windows[:, 0].sum(axis=-1)[:, None]
        return out

    @cached_property
    def cdf(self) -> np.ndarray:
        """float64[T, features, edges]"""
        return _cdf(self.windows)

    @cached_property
    def apart(self) -> np.ndarray:
        """float64[T, features, edges]: distance from the reference's CDF."""
        return edge_distances(self.cdf, self.inputs.counts)

    @cached_property
    def distances(self) -> np.ndarray:
        """float64[T, features]: the KS distance at the edges."""
        out: np.ndarray = self.apart.max(axis=-1)
        return out

    @cached_property
    def moved(self) -> np.ndarray:
        """bool[T, features]: the Wasserstein distance is .1 standard deviations of the reference (here 1) or more."""
        width = np.diff(self.inputs.edges, axis=1)
        out: np.ndarray = _areas(self.apart, width) >= 0.1
        return out

    @cached_property
    def histogram_score(self) -> np.ndarray:
        """float64[T]: (total variation + Hellinger) / 2 on 20 equal bins, mean over features."""
        edges = self.inputs.edges[0]  # those of the other features are the same up to chance
        cell = np.searchsorted(np.linspace(-4.0, 4.0, 21)[1:-1], np.append(edges, edges[-1]))
        starts = np.unique(cell, return_index=True)[1]
        p, q = (np.add.reduceat(c, starts, axis=-1) for c in (self.inputs.counts, self.windows))
        p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
        variation = np.abs(p - q).sum(-1) / 2.0
        hellinger = np.sqrt(np.maximum(1.0 - np.sqrt(p * q).sum(-1), 0.0))
        out: np.ndarray = ((variation + hellinger) / 2.0).mean(axis=1)
        return out


def _cdf(counts: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=-1, keepdims=True)
    out: np.ndarray = counts.cumsum(axis=-1)[..., :-1] / total
    return out


def edge_distances(cdf: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """float64[T, features, edges] of CDFs from that of a reference, int64[features, bins]."""
    out: np.ndarray = np.subtract(cdf, _cdf(reference))
    return np.abs(out, out=out)


def _areas(apart: np.ndarray, width: np.ndarray) -> np.ndarray:
    """float64[T, features]: under each curve, by trapezoids."""
    weight = np.pad(width, ((0, 0), (0, 1))) + np.pad(width, ((0, 0), (1, 0)))
    out: np.ndarray = np.einsum("tfe,fe->tf", apart, weight / 2.0)
    return out
