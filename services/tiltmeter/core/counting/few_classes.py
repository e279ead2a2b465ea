"""Outcomes of classes, a few at a time: the numbers of :mod:`fill_outcomes`, to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.counting.yardstick import Yardstick
from tiltmeter.core.panes.bounded_classes import folded
from tiltmeter.core.panes.fixed_point import quantise
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts, places
from tiltmeter.core.panes.score_terms import SMALLEST_LIKELIHOOD, score_terms

_SCORED = SUMS.index("scored")
#: Sums of a scored label, in the order in which :class:`FewClasses` holds them.
_TERMS = [
    SUMS.index(name)
    for name in (
        "brier",
        "log_loss",
        "clipped",
        "squared_brier",
        "capped_log_loss",
        "squared_capped_log_loss",
    )
]


class FewClasses:
    """n predictions (PREDICTION rows) with the classes of their labels; of the score of a row the terms are computed
    here, for all rows at once."""

    def __init__(self, predictions: NDArray[Any], label: NDArray[Any]) -> None:
        self._predicted: list[bytes] = predictions["label"].tolist()
        self._actual: list[bytes] = label.tolist()
        self._terms: dict[int, list[int]] = {}
        score = predictions["score"]
        positive = label == b"1"
        scored = np.flatnonzero(((label == b"0") | positive) & (score >= 0) & (score <= 1))
        if not scored.size:
            return
        terms = score_terms(score[scored], positive[scored])
        columns = (
            quantise(terms.brier),
            quantise(terms.log_loss),
            (terms.likelihood < SMALLEST_LIKELIHOOD).astype(np.int64),
            quantise(terms.brier**2),
            quantise(terms.capped_log_loss),
            quantise(terms.capped_log_loss**2),
        )
        at = scored.tolist()
        self._terms = dict(zip(at, np.column_stack(columns).tolist(), strict=True))
        self._places = dict(zip(at, places(score[scored], positive[scored]), strict=True))

    def add(self, outcomes: Outcomes, rows: Sequence[int], yardstick: Yardstick) -> None:
        """What ``rows``, all of one version, add to their outcomes, which hold no class yet."""
        counts: dict[tuple[str, str], int] = {}
        for i in rows:
            pair = (self._predicted[i].decode("utf-8", "replace"), self._actual[i].decode("utf-8", "replace"))
            counts[pair] = counts.get(pair, 0) + 1
        if yardstick.classes is not None:
            counts = folded(counts, yardstick.classes)
        outcomes.confusion = counts
        outcomes.bound()
        scored = [i for i in rows if i in self._terms]
        for i in scored:
            outcomes.sums[_SCORED] += 1
            for place, term in zip(_TERMS, self._terms[i], strict=True):
                outcomes.sums[place] += term
        if scored:
            outcomes.scores = ScoreCounts.at([self._places[i] for i in scored])
