"""Rates of cells that are not what they should be: what is counted, out of how many, and how much is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tiltmeter.core.drift.upper_bounds import clopper_pearson_upper
from tiltmeter.core.expectations import VIOLATIONS
from tiltmeter.core.panes.feature_counts import (
    MISSING,
    NONFINITE,
    OK,
    OUT_OF_RANGE,
    STATES,
    TYPE_ERROR,
    UNSEEN,
)
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.reference.profile import NumericFeature, ReferenceProfile
from tiltmeter.events.columns import Int64

#: Stands for all features that the reference does not know.
UNKNOWN = "(unknown)"
#: States whose rate is one of the usable cells, not of all events.
_OF_USABLE = (OUT_OF_RANGE, UNSEEN)


@dataclass(frozen=True, slots=True)
class Rate:
    """``state`` of one feature; ``allowed`` is the null of its detector."""

    feature: str
    state: str
    allowed: float


class QualityRates:
    """Every rate that a reference and the expectations of a user give reason to watch.

    Allowed is the 99.5 % upper bound of the reference's rate plus ``tolerance``; of what a reference cannot know
    (wrong types, features it does not have, expectations) the tolerance alone. Events with several unknown features
    count as one each only where they are few: the rate is of cells per event, at most 1.
    """

    def __init__(self, reference: ReferenceProfile | None, expected: Sequence[str], tolerance: float) -> None:
        self._features = sorted(reference.features) if reference is not None else []
        self._expected = sorted(expected)
        places: list[tuple[int, int]] = []
        self.rates: list[Rate] = []
        for f, name in enumerate(self._features):
            assert reference is not None
            for state, bound in _bounds(reference, name):
                places.append((f, state))
                self.rates.append(Rate(name, STATES[state], bound + tolerance))
        self._feature = np.array([f for f, _ in places], dtype=np.int64)
        self._state = np.array([state for _, state in places], dtype=np.int64)
        self._of_usable = np.isin(self._state, _OF_USABLE)
        self._unknown = reference is not None
        if self._unknown:
            self.rates.append(Rate(UNKNOWN, "unknown", tolerance))
        self.rates += [Rate(name, state, tolerance) for name in self._expected for state in VIOLATIONS]

    def counts(self, pane: PredictionPane) -> tuple[Int64, Int64]:
        """(n, hits), int64[K] each in the order of ``rates``, of a pane whose missing cells are filled in. A rate
        that the pane says nothing about has n = 0."""
        events = pane.events - pane.errors
        none = np.zeros(len(STATES), dtype=np.int64)
        known = [pane.features[name].cells if name in pane.features else none for name in self._features]
        cells = np.array(known, dtype=np.int64).reshape(-1, len(STATES))
        usable = cells[:, OK]
        every = usable + cells[:, MISSING] + cells[:, TYPE_ERROR] + cells[:, NONFINITE]
        n = [np.where(self._of_usable, usable[self._feature], every[self._feature])]
        hits = [cells[self._feature, self._state]]
        if self._unknown:
            n.append(np.array([events]))
            hits.append(np.array([min(pane.unknown_features, events)]))
        for name in self._expected:
            broken = pane.expectations.get(name)
            n.append(np.full(len(VIOLATIONS), 0 if broken is None else events))
            hits.append(np.zeros(len(VIOLATIONS), dtype=np.int64) if broken is None else broken)
        return np.concatenate(n).astype(np.int64), np.concatenate(hits).astype(np.int64)


def _bounds(reference: ReferenceProfile, name: str) -> Iterator[tuple[int, float]]:
    """(state, upper bound of the reference's rate) of what can happen to a cell of this feature. Of categories all
    counts are of the same half of the rows, which did not choose the names."""
    profile = reference.features[name]
    if isinstance(profile, NumericFeature):
        usable = int(profile.counts.sum())
        rows = usable + profile.missing + profile.nonfinite
        yield NONFINITE, clopper_pearson_upper(profile.nonfinite, rows)
        # The range is the sample's own: the share outside is Beta(2, n - 1), whose quantile is the bound after one
        # hit in n trials, not after none (Wilks 1941; exact for continuous values, too much for others).
        yield OUT_OF_RANGE, clopper_pearson_upper(min(1, usable), usable)
    else:
        usable = sum(profile.categories.values()) + profile.other
        rows = usable + profile.missing
        yield UNSEEN, clopper_pearson_upper(profile.other, usable)
    yield MISSING, clopper_pearson_upper(profile.missing, rows)
    yield TYPE_ERROR, 0.0
