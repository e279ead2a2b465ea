"""Scores by label: additive integers, small on the wire."""

from __future__ import annotations

import math

import numpy as np
import orjson
import pytest
from sklearn.calibration import calibration_curve

from tiltmeter.core.panes.fixed_point import real
from tiltmeter.core.panes.score_counts import BINS, EDGES, ScoreCounts


def random_scores(seed: int, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.choice([0.0, 1.0, 0.5, 1e-300, 1e-9, *rng.beta(0.5, 0.5, 20)], n)
    return np.where(rng.random(n) < 0.5, scores, rng.random(n)), rng.random(n) < 0.3


@pytest.mark.parametrize("seed", range(10))
def test_however_rows_are_cut_and_added_the_bytes_are_the_same(seed: int) -> None:
    scores, positive = random_scores(seed)
    rng = np.random.default_rng(seed)
    whole = ScoreCounts.of(scores, positive)
    parts = np.split(rng.permutation(scores.size), np.sort(rng.integers(0, scores.size, 7)))
    total = ScoreCounts()
    for rows in parts:
        total.add(ScoreCounts.of(scores[rows], positive[rows]))
    assert total == whole
    assert orjson.dumps(total.to_wire()) == orjson.dumps(whole.to_wire())
    assert ScoreCounts.from_wire(orjson.loads(orjson.dumps(whole.to_wire()))) == whole


def test_what_is_taken_out_again_leaves_nothing() -> None:
    first, second = (ScoreCounts.of(*random_scores(seed)) for seed in (1, 2))
    total = ScoreCounts()
    for part, sign in ((first, 1), (second, 1), (first, -1)):
        total.add(part, sign)
    assert total == second
    total.add(second, -1)
    assert not total
    assert total == ScoreCounts()
    assert total.to_wire() == {"negatives": [], "positives": [], "reliability": []}


def test_bins_are_uniform_in_the_logit_and_the_outer_ones_are_open() -> None:
    assert np.log(EDGES / (1 - EDGES)) == pytest.approx(np.linspace(-12, 12, BINS + 1)[1:-1], abs=1e-9)
    ends = ScoreCounts.of(np.array([0.0, 1e-300, 1.0, 1 - 1e-16]), np.array([False, True, True, False]))
    assert (ends.negatives[0], ends.positives[0], ends.negatives[-1], ends.positives[-1]) == (1, 1, 1, 1)
    assert ends.n == 4


def test_the_reliability_table_is_that_of_scikit_learn() -> None:
    scores, positive = random_scores(3, 5_000)
    counts = ScoreCounts.of(scores, positive)
    share, mean = calibration_curve(positive, scores, n_bins=15)
    labels, predicted, true = counts.reliability[:, counts.reliability[0] > 0]
    assert true / labels == pytest.approx(share)
    assert [real(p) / n for p, n in zip(predicted.tolist(), labels.tolist(), strict=True)] == pytest.approx(
        mean, abs=2**-21
    )


def test_a_pane_of_a_thousand_labels_takes_less_than_three_kilobytes() -> None:
    rng = np.random.default_rng(4)
    scores = 1 / (1 + np.exp(-rng.normal(-1, 1.5, 1_000)))
    assert len(orjson.dumps(ScoreCounts.of(scores, rng.random(1_000) < scores).to_wire())) < 3_000
    worst = ScoreCounts.of(np.repeat(np.concatenate([EDGES, [1.0]]), 2), np.tile([True, False], BINS))
    assert len(orjson.dumps(worst.to_wire())) < 4_100
    assert math.isclose(worst.n, 2 * BINS)
