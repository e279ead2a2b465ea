"""Rows whose features go together otherwise, and outliers as many, as is tolerated."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri

from report.worst_case import Alarms, Case
from tiltmeter.core.drift.error_rate import ErrorRateDetector
from tiltmeter.core.drift.second_moments import SecondMomentDetector
from tiltmeter.core.panes.joint_counts import ONE, JointCounts, upper_triangle
from tiltmeter.core.policy import Tolerances
from tiltmeter.core.reference.joint_profile import JointProfile

#: Rows of the reference: as good as exact, and sums of fourth powers fit into 64 bits.
_KNOWN = 10**9
#: Scores of features with two values, and of normal ones. Of two values the Cauchy-Schwarz bound on the variance
#: is exact; of normal ones it is three times too large.
_TWO = np.array([-ONE, ONE], dtype=np.float64)
_NORMAL = np.round(ONE * ndtri((np.arange(64) + 0.5) / 64))


def _independent(table: np.ndarray, features: int) -> JointProfile:
    """A reference whose features have nothing to do with each other, all with the same scores."""
    rows, columns = upper_triangle(features)
    products = np.where(rows == columns, round(_KNOWN * float(np.square(table).mean())), 0)
    return JointProfile(
        features=tuple(f"x{i}" for i in range(features)),
        scores=(table,) * features,
        counts=JointCounts(_KNOWN, 0, np.zeros(features, dtype=np.int64), products),
        components=np.eye(features)[:, :1],
        centres=np.zeros(features),
        scales=np.ones(features),
        threshold=0,
    )


def _joint(table: np.ndarray, features: int, rows: int) -> Alarms:
    """Some rows have the same score in all features: the mean product of every pair is at its limit."""
    profile = _independent(table, features)
    powers = np.full(features, round(_KNOWN * float((table**4).mean())))

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = SecondMomentDetector(profile, powers, Tolerances().correlation, math.log(nominal))
        limit = float((detector.reference + detector.allowed).min())
        same = limit / float(np.square(table / ONE).mean())
        while True:
            place = rng.integers(0, table.size, (features, rows))
            place = np.where(rng.random(rows) < same, place[0], place)
            scores = table[place]
            counts, fourth = JointCounts.of(scores, 0), (scores.astype(np.int64) ** 4).sum(axis=1)
            yield detector.on_pane(counts, fourth).alarm

    return alarms


def _outliers(reference: int, rows: int) -> Alarms:
    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = ErrorRateDetector.from_reference(
            reference // 1_000, reference, Tolerances().outliers, math.log(nominal)
        )
        while True:
            for far in rng.binomial(rows, detector.mu0, 500).tolist():
                yield detector.on_pane(rows, far).alarm

    return alarms


CASES = (
    Case("joint drift, a pair of two-valued features, 500 rows", _joint(_TWO, 2, 500), share=0.5),
    Case("joint drift, a pair of normal features, 500 rows", _joint(_NORMAL, 2, 500), most=2_000, share=0.3),
    Case("joint drift, 10 pairs of 5 two-valued features, 2,000 rows", _joint(_TWO, 5, 2_000), share=0.3),
    Case("outliers, reference of 100,000 rows, 2,000 rows", _outliers(100_000, 2_000), quick=True),
)
