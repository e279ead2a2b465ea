"""How soon joint drift is proved that no histogram shows: panes from the change to the alarm of the detector."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from tiltmeter.core.counting.fill_joint import JointRows
from tiltmeter.core.drift.second_moments import SecondMomentDetector, fourth_powers
from tiltmeter.core.panes.histogram import counts_and_scores
from tiltmeter.core.reference.profile import NumericFeature, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference

FEATURES, MOST = 20, 60
RUNS = 60 if os.environ.get("TILTMETER_LONG") == "1" else 3
#: One false alarm a year of one-minute panes, with the detector's share of .05.
LOG_THRESHOLD = math.log(1_440 * 365 / 0.05)


def rows_of(rng: np.random.Generator, rows: int) -> np.ndarray:
    """float64[features, rows], normal, every pair with correlation .4."""
    return math.sqrt(0.4) * rng.normal(size=rows) + math.sqrt(0.6) * rng.normal(size=(FEATURES, rows))


@cache
def reference(rows: int) -> ReferenceProfile:
    columns = rows_of(np.random.default_rng(5), rows)
    return build_reference({f"x{j:02}": row for j, row in enumerate(columns)}, model="m", version="1")


def flipped(rows: np.ndarray, rng: np.random.Generator) -> None:
    rows[7] *= -1


def decoupled(rows: np.ndarray, rng: np.random.Generator) -> None:
    rows[7] = rng.permutation(rows[7])


def weakened(rows: np.ndarray, rng: np.random.Generator) -> None:
    """Correlations with one feature fall from .4 to .32: within the tolerance of .1."""
    rows[7] = 0.8 * rows[7] + 0.6 * rng.permutation(rows[7])


def delay(profile: ReferenceProfile, spoil: Callable[..., None], rows: int, seed: int) -> int:
    """Panes until the alarm; more than MOST if there is none."""
    rng, joint = np.random.default_rng(seed), profile.joint
    assert joint is not None
    features = [profile.features[name] for name in joint.features]
    known = fourth_powers(joint, [f.counts for f in features if isinstance(f, NumericFeature)])
    detector = SecondMomentDetector(joint, known, 0.1, LOG_THRESHOLD)
    for pane in range(1, MOST + 1):
        values = rows_of(rng, rows)
        spoil(values, rng)
        cells, bins = JointRows(joint, rows), []
        for name, row, table, feature in zip(joint.features, values, joint.scores, features, strict=True):
            assert isinstance(feature, NumericFeature)
            counts, scores = counts_and_scores(feature.edges, row, table)
            cells.put(name, row, scores, None)
            bins.append(counts)
        if detector.on_pane(cells.counts(), fourth_powers(joint, bins)).alarm:
            return pane
    return MOST + 1


@pytest.mark.parametrize(
    ("reference_rows", "spoil", "rows", "most"),
    [
        (100_000, flipped, 2_000, 1),
        (100_000, flipped, 200, 5),
        (100_000, decoupled, 2_000, 2),
        (10_000, flipped, 2_000, 1),
        (10_000, decoupled, 2_000, 4),
    ],
)
def test_delays_are_as_documented(
    reference_rows: int, spoil: Callable[..., None], rows: int, most: int
) -> None:
    found = [delay(reference(reference_rows), spoil, rows, seed) for seed in range(RUNS)]
    assert np.median(found) <= most


def test_a_change_within_the_tolerance_is_never_proved() -> None:
    assert delay(reference(100_000), weakened, 2_000, 0) > MOST
