"""Answers of a classifier, counted from columns and row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.counting.plain_rows import PlainRows
from tiltmeter.core.panes.answers import Answers, fold
from tiltmeter.core.panes.fixed_point import ONE, quantise
from tiltmeter.core.panes.score_counts import BINS, EDGES
from tiltmeter.core.reference.task import numeric_rows
from tiltmeter.events.columns import KIND_FLOAT, KIND_NONE, Int64, PredictionColumns

_BINARY = (b"0", b"1")


def count_answers(columns: PredictionColumns, rows: Int64, task: str) -> Answers:
    """Of the successful predictions ``rows``. Which answers are classes: :mod:`tiltmeter.core.reference.task`. About
    0.1 µs per answer."""
    kind = columns.kind[rows]
    rows = rows[(kind != KIND_NONE) & ~numeric_rows(kind, task)]
    answers = Answers()
    if not rows.size:
        return answers
    label = columns.label[rows]
    one = label == b"1"
    ones, zeros = int(np.count_nonzero(one)), rows.size - int(np.count_nonzero(one))
    binary: NDArray[np.bool_] | None = None
    if zeros and zeros != np.count_nonzero(zero := label == b"0"):
        named = Counter(label.tolist())
        answers.classes = fold({name.decode("utf-8", "replace"): n for name, n in named.items()})
        binary = one | zero
    else:
        answers.classes = {name: n for name, n in (("0", zeros), ("1", ones)) if n}
    score = columns.score[rows]
    scored = (score >= 0.0) & (score <= 1.0)
    scored = scored if binary is None else scored & binary
    if scored.any():
        answers.scores = _scores(score[scored], one[scored])
    return answers


def count_few_answers(plain: PlainRows, rows: Sequence[int], task: str) -> Answers:
    """:func:`count_answers`, without numpy: cheaper up to some dozens of rows."""
    if task == "regression":
        return Answers()
    numbers = (KIND_NONE, KIND_FLOAT) if task == "auto" else (KIND_NONE,)
    rows = [row for row in rows if plain.kind[row] not in numbers]
    labels = [plain.label[row] for row in rows]
    classes = fold({k.decode("utf-8", "replace"): labels.count(k) for k in dict.fromkeys(labels)})
    few = [
        (plain.score[row], label == b"1") for row, label in zip(rows, labels, strict=True) if label in _BINARY
    ]
    few = [(score, one) for score, one in few if 0.0 <= score <= 1.0]
    places = EDGES.searchsorted([score for score, _ in few]).tolist()
    return Answers.of_few(
        classes, ((place, one, round(score * ONE)) for place, (score, one) in zip(places, few, strict=True))
    )


def _scores(score: NDArray[np.float64], one: NDArray[np.bool_]) -> Int64:
    place = np.searchsorted(EDGES, score, side="left") + BINS * one
    counts = np.bincount(place, minlength=2 * BINS)
    # Sums of integers below 2**53 are exact in float64: a batch has at most 65,536 scores of at most 2**20.
    sums = np.bincount(place, weights=quantise(score), minlength=2 * BINS).astype(np.int64)
    return np.stack([counts[:BINS], sums[:BINS], counts[BINS:], sums[BINS:]]).astype(np.int64)
