"""Where a model's scores, answers, labels and residuals stand: ADWIN on each. None of them alarms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from tiltmeter.core.drift.adaptive_mean import AdaptiveMean
from tiltmeter.core.panes.answers import N0, N1, SUM0, SUM1
from tiltmeter.core.panes.bounded_classes import ANOTHER, OTHER
from tiltmeter.core.panes.fixed_point import ONE, real
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.performance.losses import REGRESSION
from tiltmeter.core.reference.profile import Performance
from tiltmeter.events.columns import Int64

#: Predictions' timeline, then labels'. Each signal belongs to one of them.
SCORE, POSITIVE_RATE, LABEL_RATE, RESIDUAL = "score", "positive_rate", "label_rate", "residual"
#: Share of classes other than 0 and 1 up to which a model is binary: one odd answer must not end a signal.
MOST_OTHERS: Final = 0.01
#: Signals of binary models, and the classes that say whether a model is one.
_CLASSES: Final = {SCORE: POSITIVE_RATE, POSITIVE_RATE: POSITIVE_RATE, LABEL_RATE: LABEL_RATE}
_RESIDUAL = REGRESSION["bias_above"]


class AdaptiveMeans:
    """Predictions and labels are two timelines that never wait for each other: each has signals and counts of its
    own. Labels count when they became known, and a correction changes nothing any more."""

    def __init__(self) -> None:
        self._means = {name: AdaptiveMean() for name in (SCORE, POSITIVE_RATE, LABEL_RATE, RESIDUAL)}
        #: So far, by timeline: classes 0 and 1, and others. A signal of a model that is not binary stands still.
        self._seen = {POSITIVE_RATE: [0, 0], LABEL_RATE: [0, 0]}

    def on_predictions(self, pane: PredictionPane) -> None:
        """A closed pane, before its answers are let go."""
        answers = pane.answers
        self._count(POSITIVE_RATE, pane.key, answers.classes)
        if answers.scores is not None and self._binary(SCORE):
            self._means[SCORE].on_pane(pane.key, *score_sums(answers.scores))

    def on_labels(self, key: PaneKey, outcomes: Outcomes, first: Performance | None) -> None:
        """The outcomes of a closed label pane; ``first``: of the version's first reference, whose cap errors have."""
        labels: dict[str, int] = {}
        for (_, actual), n in outcomes.confusion.items():
            labels[actual] = labels.get(actual, 0) + n
        self._count(LABEL_RATE, key, labels)
        if first is not None and first.task == "regression" and first.labelled:
            losses = _RESIDUAL.of_outcomes(outcomes)
            # Squares and sums are rounded one by one: together they may miss what holds for every x in [0, 1].
            least = losses.total**2 / losses.n if losses.n else 0.0
            squares = min(max(losses.squares, least), losses.total)
            self._means[RESIDUAL].on_pane(key, losses.n, losses.total, squares)

    def _count(self, signal: str, key: PaneKey, classes: Mapping[str, int]) -> None:
        """The share of class 1. Classes that a reference does not know leave a binary model binary."""
        zeros, ones = classes.get("0", 0), classes.get("1", 0)
        unknown = classes.get(OTHER, 0) + classes.get(ANOTHER, 0)
        seen = self._seen[signal]
        seen[0] += zeros + ones
        seen[1] += sum(classes.values()) - zeros - ones - unknown
        if self._binary(signal):
            self._means[signal].on_pane(key, zeros + ones, float(ones), float(ones))

    def _binary(self, signal: str) -> bool:
        binary, others = self._seen[_CLASSES[signal]]
        return others <= MOST_OTHERS * (binary + others)

    def shown(self, first: Performance | None) -> Iterator[tuple[str, AdaptiveMean, float]]:
        """(signal, its window and cuts, its mean: a score, a share, or an error in the target's units)."""
        for name, adaptive in self._means.items():
            mean = adaptive.window.mean
            if name == RESIDUAL:
                mean = _RESIDUAL.natural(mean, first.cap) if first is not None else math.nan
            elif not self._binary(name):
                continue
            if adaptive.window.width:
                yield name, adaptive, mean

    def snapshot(self) -> dict[str, Any]:
        means = {name: adaptive.snapshot() for name, adaptive in self._means.items()}
        return {"means": means, "classes": self._seen}

    def restore(self, wire: Mapping[str, Any]) -> None:
        for name, adaptive in self._means.items():
            adaptive.restore(wire["means"][name])
        self._seen = {name: list(counts) for name, counts in wire["classes"].items()}


def score_sums(scores: Int64) -> tuple[int, float, float]:
    """Of int64[4, 256] (:class:`Answers`): n, the sum of the scores and at least the sum of their squares.

    Panes hold a sum per bin b, and sum x² >= sum_b s_b² / n_b (Cauchy-Schwarz). What is missing is the variance
    inside bins: at most width²/4 each, and bins are 24/256 wide in the logit, so at most 1.4e-4 for scores around .5.
    Where nearly all scores lie in a few bins, that is much of their variance, and cuts then rest on ADWIN's other
    estimate, between panes, which uses no squares.
    """
    n, sums = both = scores[[N0, SUM0]] + scores[[N1, SUM1]]
    count, total = both.sum(axis=1).tolist()
    mass = sums / ONE
    return count, real(total), float((mass * mass / np.maximum(n, 1)).sum())
