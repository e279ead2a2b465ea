"""Do two features still go together as in the reference? From sums of products of bounded scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from tiltmeter.core.drift.e_detector import EDetector, Evidence
from tiltmeter.core.drift.snapshot import Snapshot, require
from tiltmeter.core.drift.tempering import POOL_VALUES, tempering
from tiltmeter.core.panes.joint_counts import ONE, JointCounts, upper_triangle
from tiltmeter.core.reference.joint_profile import JointProfile
from tiltmeter.events.columns import Float64, Int64

#: Sizes of the bet, as shares of the largest that the range of a product allows.
LAMBDAS = (0.05, 0.15, 0.4, 0.8)
#: The reference's own correlations are known within their margins except with this probability.
DELTA_REF = 0.01
_SQUARED = float(ONE * ONE)


@cache
def pairs(features: int) -> Int64:
    """Where the products of two different features stand among those of the upper triangle."""
    rows, columns = upper_triangle(features)
    return np.flatnonzero(rows < columns)


def pair_names(features: tuple[str, ...], pair: int) -> tuple[str, str]:
    rows, columns = upper_triangle(len(features))
    at = int(pairs(len(features))[pair])
    return features[int(rows[at])], features[int(columns[at])]


def moments(counts: JointCounts) -> Float64:
    """float64[d, d], symmetric: means of the products of two scores, in squared standard deviations of the
    reference. Zero rows: NaN."""
    d = counts.sums.size
    full = np.full((d, d), np.nan)
    if counts.rows:
        triangle = upper_triangle(d)
        full[triangle] = full[triangle[::-1]] = counts.products / (counts.rows * _SQUARED)
    return full


def correlations(counts: JointCounts) -> Float64:
    """float64[d (d-1) / 2]: the correlation of the scores of every pair, with the rows' own means and
    variances: drift of the margins alone moves it little. A constant feature goes with none: 0. NaN without
    rows."""
    d, at = counts.sums.size, pairs(counts.sums.size)
    if counts.rows == 0:
        return np.full(at.size, np.nan)
    rows, columns = (index[at] for index in upper_triangle(d))
    means = counts.sums / counts.rows
    second = counts.products / counts.rows
    variances = np.maximum(_diagonal(second, d) - means * means, 0.0)
    scale = np.sqrt(variances[rows] * variances[columns])
    covariance = second[at] - means[rows] * means[columns]
    found: Float64 = np.divide(covariance, scale, out=np.zeros(at.size), where=scale > 0)
    return found.clip(-1.0, 1.0)


def _diagonal(triangle: Float64, d: int) -> Float64:
    rows, columns = upper_triangle(d)
    diagonal: Float64 = triangle[rows == columns]
    return diagonal


class SecondMomentDetector:
    """H0: for every pair (j, k), E[X | past] lies within ``tolerance`` + eps of the reference's mean at all
    times, X the product of the two scores in squared standard deviations of the reference: its correlation,
    as long as the margins stay where they are. Alarms in both directions.

    X lies between the extremes of its factors' products, a range R. Per pane of n rows with sum S, with mu the
    reference's mean (any value fixed before the pane is valid) and V ≥ sum (X - mu)²:
    ln L(lambda) = w [lambda (±(S - n mu) - n allowed) / R - (-ln(1-lambda) - lambda) V / R²], the empirical
    Bernstein e-value (Howard et al. 2021) of :class:`BoundedLossDetector`. Panes do not hold the squares of
    products. They need not: by Cauchy and Schwarz sum x²y² ≤ sqrt(sum x⁴ sum y⁴), and sums of fourth powers
    follow from the features' histograms, where cells of incomplete rows only make them larger. A larger V makes
    L smaller, so it stays an e-value; it costs up to three times the rows (E x⁴ = 3 for a normal score).
    Hoeffding's bound, which needs no squares either, would cost thirty times.

    Components are all pairs, both directions and :data:`LAMBDAS`, with equal weights. Guarantee:
    :class:`EDetector`'s, for any dependence between pairs and between rows. eps, by Maurer & Pontil's
    empirical Bernstein bound over all pairs, covers the reference's sample with probability 1 - ``delta_ref``,
    the tables of scores taken as given; that they come from the same rows is left out of account. About .1 ms
    per pane for 20 features, .5 ms for 50.
    """

    def __init__(
        self,
        profile: JointProfile,
        fourth_powers: Int64,
        tolerance: float,
        log_threshold: float,
        delta_ref: float = DELTA_REF,
    ) -> None:
        """``fourth_powers``: int64[d] of the reference (see :func:`fourth_powers`)."""
        d = len(profile.features)
        self._at = pairs(d)
        self._rows, self._columns = (index[self._at] for index in upper_triangle(d))
        n = profile.counts.rows
        self.reference = profile.counts.products[self._at] / (n * _SQUARED)
        lowest, highest = (np.array([pick(t) for t in profile.scores]) / ONE for pick in (np.min, np.max))
        corners = [x[self._rows] * y[self._columns] for x in (lowest, highest) for y in (lowest, highest)]
        self._range = np.maximum.reduce(corners) - np.minimum.reduce(corners)
        log_term = math.log(4 * self._at.size / delta_ref)
        spread = self._spread(n, n * self.reference, fourth_powers) / (n - 1)
        margin = np.sqrt(2.0 * spread * log_term / n) + 7.0 * self._range * log_term / (3.0 * (n - 1))
        #: By how much the mean product of each pair may differ from the reference's.
        self.allowed: Float64 = tolerance + margin
        self._lambdas = np.array(LAMBDAS)[:, np.newaxis]
        self._psi = np.array([-math.log1p(-bet) - bet for bet in LAMBDAS])[:, np.newaxis]
        components = 2 * len(LAMBDAS) * self._at.size
        self._detector = EDetector(log_threshold, [1.0 / components] * components)
        self._id = {"features": list(profile.features), "rows": n, "tolerance": tolerance}
        self._d = d
        self._pool, self._fourth = JointCounts.empty(d), np.zeros(d, dtype=np.int64)

    def _spread(self, n: int, sums: Float64, fourth: Int64) -> Float64:
        """At least the sum of (X - mu)² of every pair."""
        powers = fourth / (_SQUARED * _SQUARED)
        squares = np.sqrt(powers[self._rows]) * np.sqrt(powers[self._columns])
        least = (sums - n * self.reference) ** 2 / max(n, 1)
        spread = squares - 2.0 * self.reference * sums + n * self.reference**2
        bounded: Float64 = np.maximum(spread, least)
        return bounded

    def on_pane(self, counts: JointCounts, fourth_powers: Int64, phi: float = 1.0) -> Evidence:
        """A closed pane, with the fourth powers of its scores, int64[d]. Pooled until 50 rows are together.

        ``phi``: how much more panes differ than independent rows would, known before this one."""
        weight = tempering(max(self._pool.rows + counts.rows, 1), phi)
        self._pool.add(counts)
        self._fourth = self._fourth + fourth_powers
        n = self._pool.rows
        if n < POOL_VALUES:
            return self._detector.evidence()
        sums = self._pool.products[self._at] / _SQUARED
        change = sums - n * self.reference
        penalty = self._psi * (self._spread(n, sums, self._fourth) / self._range**2)
        both = [
            self._lambdas * ((sign * change - n * self.allowed) / self._range) - penalty for sign in (1, -1)
        ]
        self._empty_pool()
        return self._detector.on_pane(weight * np.concatenate(both).ravel())

    def evidence(self) -> Evidence:
        return self._detector.evidence()

    def restart(self) -> None:
        self._detector.restart()
        self._empty_pool()

    def _empty_pool(self) -> None:
        self._pool = JointCounts.empty(self._d)
        self._fourth = np.zeros(self._d, dtype=np.int64)

    def snapshot(self) -> Snapshot:
        return {
            "schema": 1,
            "kind": "second-moments",
            **self._id,
            "detector": self._detector.snapshot(),
            "pool": self._pool.to_wire(),
            "fourth": self._fourth.tolist(),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        require(snapshot, schema=1, kind="second-moments", **self._id)
        self._detector.restore(snapshot["detector"])
        self._pool = JointCounts.from_wire(snapshot["pool"])
        self._fourth = np.array(snapshot["fourth"], dtype=np.int64)


def fourth_powers(profile: JointProfile, bins: list[Int64 | None]) -> Int64:
    """int64[d]: for each feature of the profile, the sum of fourth powers of the scores of all cells in its
    histogram."""
    found = [
        0 if counts is None else int((table.astype(np.int64) ** 4 * counts).sum())
        for table, counts in zip(profile.scores, bins, strict=True)
    ]
    return np.array(found, dtype=np.int64)
