"""From the cells of a pane's rows to its joint counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.counting.fill_embedding import embed
from tiltmeter.core.panes.embedding_counts import EmbeddingCounts
from tiltmeter.core.panes.joint_counts import JointCounts, upper_triangle
from tiltmeter.core.reference.joint_profile import JointProfile
from tiltmeter.events.columns import Float64

Mask = NDArray[np.bool_]

#: Distances are whole numbers of 1/256, and one cell adds at most 2**20 squared standard deviations: sums over
#: 50 features are exact in any order, and no cell is infinitely far away.
_DISTANCE_ONE, _FARTHEST = 256.0, float(1 << 20)


def distances(values: Float64, centres: Float64, scales: Float64) -> Float64:
    """How far out rows lie: the sum over features of ((x - centre) / scale)², in whole numbers of 1/256.

    ``values`` float64[..., d, n], finite; the others float64[..., d]; returns float64[..., n]. Not the scores of the
    joint counts: those are bounded, and cannot tell a value just beyond the reference's last from one a thousand
    times as far. Features are not whitened, so that each row's terms are rounded once and add up exactly.
    """
    with np.errstate(over="ignore", under="ignore"):  # what overflows is far out
        terms = (values - centres[..., np.newaxis]) * (1.0 / scales)[..., np.newaxis]
        np.multiply(terms, terms, out=terms)
    np.minimum(terms, _FARTHEST, out=terms)
    np.multiply(terms, _DISTANCE_ONE, out=terms)
    np.rint(terms, out=terms)
    total: Float64 = terms.sum(axis=-2)
    return total


class JointRows:
    """Collects the cells of ``rows`` rows, feature by feature, as they are binned for the histograms anyway.
    ``sampled``: which of them are for the mean embedding; None: none."""

    def __init__(self, profile: JointProfile, rows: int, sampled: Mask | None = None) -> None:
        self.profile = profile
        self._sampled = sampled
        self._scores = np.empty((len(profile.features), rows))
        self._values = np.empty((len(profile.features), rows))
        self._complete: Mask | None = None  # none: all of them

    def table(self, name: str) -> Float64 | None:
        """The score of each bin, if the feature is one of the profile's."""
        at = self.profile.position.get(name)
        return None if at is None else self.profile.scores[at]

    def put(self, name: str, values: Float64, scores: Float64, fits: Mask | None) -> None:
        """``values`` and ``scores``, float64 each, of the rows where ``fits`` (None: of every row)."""
        at = self.profile.position[name]
        if fits is None:
            self._values[at], self._scores[at] = values, scores
        else:
            self._values[at, fits], self._scores[at, fits] = values, scores
            self._complete = fits if self._complete is None else self._complete & fits

    def complete(self) -> tuple[Float64, Float64]:
        """(scores, values), float64[d, n] each, of the complete rows, after every feature of the profile was put."""
        if self._complete is None:
            return self._scores, self._values
        return self._scores[:, self._complete], self._values[:, self._complete]

    def counts(self) -> JointCounts:
        """Of the complete rows."""
        scores, values = self.complete()
        if not values.size:
            return JointCounts.empty(len(self.profile.features))
        far = distances(values, self.profile.centres, self.profile.scales) > self.profile.threshold
        return JointCounts.of(scores, int(np.count_nonzero(far)))

    def embedding(self) -> EmbeddingCounts | None:
        """Of the sampled complete rows; None: there are none, or the reference has no embedding."""
        chosen, profile = self._sampled, self.profile.embedding
        if chosen is None or profile is None:
            return None
        if self._complete is not None:
            chosen = chosen & self._complete
        return embed(profile, self._scores[:, chosen]) if chosen.any() else None


def counts_of(several: Sequence[JointRows]) -> list[JointCounts]:
    """:meth:`JointRows.counts` of each, those with equally many features and rows in one go: a dozen numpy calls for
    all panes of a batch instead of for each."""
    found = [JointCounts.empty(len(rows.profile.features)) for rows in several]
    complete = [rows.complete() for rows in several]
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for at, (scores, _) in enumerate(complete):
        if scores.size:
            by_shape.setdefault(scores.shape, []).append(at)
    for (features, n), chosen in by_shape.items():
        scores, values = (np.stack([complete[at][part] for at in chosen]) for part in (0, 1))
        profiles = [several[at].profile for at in chosen]
        centres, scales = np.stack([p.centres for p in profiles]), np.stack([p.scales for p in profiles])
        limits = np.array([profile.threshold for profile in profiles])
        outliers = np.count_nonzero(distances(values, centres, scales) > limits[:, np.newaxis], axis=1)
        above, right = upper_triangle(features)
        products = (scores @ scores.transpose(0, 2, 1))[:, above, right].astype(np.int64)
        sums = scores.sum(axis=2).astype(np.int64)
        for i, at in enumerate(chosen):  # copies: a pane must not keep the arrays of all
            found[at] = JointCounts(n, int(outliers[i]), sums[i].copy(), products[i].copy())
    return found
