"""Outcomes of a few classes at a time: a batch over a thousand models brings each of them a label or two.

What takes numpy is done once, for all labels of a batch; what remains per pane are sums of a few Python integers.
The same numbers as :mod:`fill_outcomes` gives, to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.panes.bounded_classes import folded
from tiltmeter.core.panes.fixed_point import quantise
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts, places
from tiltmeter.core.panes.score_terms import SMALLEST_LIKELIHOOD, score_terms
from tiltmeter.core.reference.profile import Performance
from tiltmeter.events.columns import KIND_FLOAT, KIND_NONE

#: So many labels of one pane are few: beyond, columns are faster.
FEW = 16
_SCORED = SUMS.index("scored")
#: Sums of a scored label, in the order in which :class:`Labelled` holds them.
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


class Labelled:
    """n predictions (PREDICTION rows) with their labels, as Python values."""

    def __init__(self, predictions: NDArray[Any], label: NDArray[Any]) -> None:
        self._weight: list[int] = predictions["weight"].tolist()
        self._predicted: list[bytes] = predictions["label"].tolist()
        self._actual: list[bytes] = label.tolist()
        self._usable: list[bool] = ((predictions["kind"] != KIND_NONE) & (predictions["ok"] != 0)).tolist()
        self._fraction: list[bool] = (predictions["kind"] == KIND_FLOAT).tolist()
        score = predictions["score"]
        positive = label == b"1"
        scored = np.flatnonzero(((label == b"0") | positive) & (score >= 0) & (score <= 1))
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
        self._terms: dict[int, list[int]] = dict(zip(at, np.column_stack(columns).tolist(), strict=True))
        self._places = dict(zip(at, places(score[scored], positive[scored]), strict=True))

    def outcomes(self, rows: list[int], task: str, reference: Performance | None) -> Outcomes | None:
        """Of ``rows``, all of one version; None if an answer is a number: :mod:`fill_outcomes` does those."""
        used = [i for i in rows if self._usable[i]]
        if used and (task == "regression" or (task == "auto" and any(self._fraction[i] for i in used))):
            return None
        outcomes = Outcomes(n=len(rows), weight=sum(self._weight[i] for i in rows))
        counts: dict[tuple[str, str], int] = {}
        for i in used:
            pair = (self._predicted[i].decode("utf-8", "replace"), self._actual[i].decode("utf-8", "replace"))
            counts[pair] = counts.get(pair, 0) + 1
        if reference is not None and reference.classes:
            counts = folded(counts, frozenset(reference.classes))
        outcomes.confusion = counts
        outcomes.bound()
        scored = [i for i in used if i in self._terms]
        for i in scored:
            outcomes.sums[_SCORED] += 1
            for place, term in zip(_TERMS, self._terms[i], strict=True):
                outcomes.sums[place] += term
        if scored:
            outcomes.scores = ScoreCounts.at([self._places[i] for i in scored])
        return outcomes
