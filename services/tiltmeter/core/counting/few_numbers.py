"""Outcomes of a regression's labels, a few at a time: the numbers of :mod:`fill_outcomes`, to the bit.

Elementwise operations of numpy round as they do for one number, so the terms of all labels of a batch are computed
at once, each in the unit and against the cap of its version. What remains per pane are sums of a few integers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np

from tiltmeter.core.counting.yardstick import Yardstick
from tiltmeter.core.panes.fixed_point import quantise
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.events.columns import Float64

_SCORED = SUMS.index("scored")
#: Sums of a label, in the order in which :class:`FewNumbers` holds them.
_TERMS = [
    SUMS.index(name)
    for name in (
        "error",
        "absolute_error",
        "squared_error",
        "target",
        "squared_target",
        "capped_loss",
        "squared_capped_loss",
        "capped_error",
    )
]


class FewNumbers:
    """Answers and labels of the ``rows`` of a batch, float64[n] each, each under the yardstick of its version.
    A row of which either is not finite adds nothing."""

    def __init__(
        self, rows: Sequence[int], answers: Float64, labels: Float64, yardsticks: Sequence[Yardstick]
    ) -> None:
        fits = np.flatnonzero(np.isfinite(answers) & np.isfinite(labels))
        at = fits.tolist()
        unit = np.array([yardsticks[i].unit for i in at], dtype=np.float64)
        cap = np.array([yardsticks[i].cap for i in at], dtype=np.float64)
        actual = labels[fits]
        with np.errstate(over="ignore"):  # what overflows is infinite, and clips
            error = answers[fits] - actual
            squared_error, squared_target = (error / unit) ** 2, (actual / unit) ** 2
        share = np.clip(error, -cap, cap) / np.where(cap > 0, cap, 1.0)  # without a cap: 0
        loss = np.abs(share)
        columns = (
            quantise(error, unit),
            quantise(np.abs(error), unit),
            quantise(squared_error),
            quantise(actual, unit),
            quantise(squared_target),
            quantise(loss),
            quantise(loss**2),
            quantise(share),
        )
        terms = np.column_stack(columns).tolist()
        found = zip(error.tolist(), actual.tolist(), terms, strict=True)
        self._labels: dict[int, tuple[float, float, list[int]]] = dict(
            zip([rows[i] for i in at], found, strict=True)
        )

    def add(self, outcomes: Outcomes, rows: Iterable[int], yardstick: Yardstick) -> None:
        """What ``rows``, all of one version, add to their outcomes, which hold no number yet."""
        found = [self._labels[i] for i in rows if i in self._labels]
        if not found:
            return
        sums = outcomes.sums
        sums[_SCORED] += len(found)
        for _, _, terms in found:
            for place, term in zip(_TERMS, terms, strict=True):
                sums[place] += term
        if yardstick.residual_edges is not None:
            outcomes.residuals = _binned(yardstick.residual_edges, [error for error, _, _ in found])
        if yardstick.label_edges is not None:
            outcomes.targets = _binned(yardstick.label_edges, [actual for _, actual, _ in found])


def _binned(edges: Sequence[float], values: Iterable[float]) -> dict[int, int]:
    """As numpy looks them up: an edge belongs to the bin below it."""
    counts: dict[int, int] = {}
    for value in values:
        place = bisect_left(edges, value)
        counts[place] = counts.get(place, 0) + 1
    return counts
