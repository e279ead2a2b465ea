"""Labels drawn by a known probability: the weighted accuracy is that of all predictions, labelled or not."""

from __future__ import annotations

import math
import random

import numpy as np
import orjson
import pytest

from tiltmeter.core.join.rows import FEEDBACK, FORM, RowFormError, parse_rows
from tiltmeter.core.panes.weighted import Weighted


def test_reviews_by_score_flatter_and_weights_make_up_for_it() -> None:
    """What scores high is approved and labelled, of the rest 5 % are, at random; errors are where nobody looks."""
    rng = np.random.default_rng(4)
    n = 100_000
    sure = rng.random(n) < 0.3
    right = rng.random(n) < np.where(sure, 0.99, 0.91)
    propensity = np.where(sure, 1.0, 0.05)
    labelled = rng.random(n) < propensity
    assert right[labelled].mean() > right.mean() + 0.03
    found = Weighted.of(propensity[labelled], right[labelled])
    assert found.accuracy() == pytest.approx(right.mean(), abs=0.01)
    weight = 1 / propensity[labelled]
    assert found.effective == pytest.approx(weight.sum() ** 2 / (weight**2).sum(), rel=1e-6)


def test_too_small_a_propensity_is_refused_and_none_is_none() -> None:
    found = Weighted.of(np.array([0.5, 0.0099, np.nan, 0.01, 0.0, 1.0]), np.array([True] * 6))
    assert (found.n, found.refused) == (3, 1)
    assert found.weight == found.right == (2 + 100 + 1) << 20
    assert found.squares == (4 + 10_000 + 1) << 20
    assert not Weighted.of(np.array([np.nan]), np.array([True]))


def test_few_effective_labels_are_no_estimate() -> None:
    right = np.ones(300, dtype=bool)
    assert Weighted.of(np.full(300, 0.5), right).accuracy() == 1.0
    few = np.where(np.arange(300) < 5, 0.01, 1.0)
    assert math.isnan(Weighted.of(few, right).accuracy())
    assert math.isnan(Weighted().accuracy())


@pytest.mark.parametrize("seed", range(5))
def test_merging_is_exact_in_any_order_and_survives_the_wire(seed: int) -> None:
    rng = np.random.default_rng(seed)
    propensity, right = rng.random(1_000), rng.random(1_000) < 0.5
    whole = Weighted.of(propensity, right)
    cuts = sorted(random.Random(seed).sample(range(1_000), 5))
    parts = [
        Weighted.of(p, r) for p, r in zip(np.split(propensity, cuts), np.split(right, cuts), strict=True)
    ]
    random.Random(seed).shuffle(parts)
    total = Weighted()
    for part in parts:
        total.add(Weighted.from_wire(orjson.loads(orjson.dumps(part.to_wire()))))
    assert total == whole
    total.add(parts[0], -1)
    total.add(parts[0])
    assert total == whole


def test_rows_of_another_version_are_refused_with_what_to_do() -> None:
    row = np.zeros(1, dtype=FEEDBACK)
    row["form"] = FORM
    assert parse_rows([row.tobytes()], FEEDBACK).size == 1
    row["form"] = FORM - 1
    with pytest.raises(
        RowFormError, match=f"row of form {FORM - 1} waits in the store; this version reads form {FORM}"
    ):
        parse_rows([row.tobytes()[:-8]], FEEDBACK)
