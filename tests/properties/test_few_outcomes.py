"""Outcomes of a few labels, one by one, are those of the columns, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from tiltmeter.core.counting.few_outcomes import Labelled
from tiltmeter.core.counting.fill_outcomes import add_classified
from tiltmeter.core.join.rows import PREDICTION
from tiltmeter.core.panes.fixed_point import total
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.reference.task import numeric_rows
from tiltmeter.events.columns import CLASS_BYTES, KIND_CLASS, KIND_FLOAT, KIND_INTEGER, KIND_NONE

N = 400
KNOWN = Performance("classification", 100, 10, classes=("0", "1", "a"))
SCORES = [0.0, 1.0, 0.5, 1e-16, 1 - 1e-16, 1 / 15, 2 / 15, -0.1, 1.1, float("nan"), 0.25, 0.75]


@pytest.mark.parametrize("reference", [None, KNOWN], ids=["no reference", "classes named"])
@pytest.mark.parametrize("task", ["auto", "classification", "regression"])
@pytest.mark.parametrize("seed", range(5))
def test_few_labels_and_columns_agree(seed: int, task: str, reference: Performance | None) -> None:
    rng = np.random.default_rng(seed)
    predictions = np.zeros(N, dtype=PREDICTION)
    predictions["kind"] = rng.choice(
        [KIND_CLASS, KIND_INTEGER, KIND_NONE, KIND_FLOAT], N, p=[0.5, 0.3, 0.15, 0.05]
    )
    predictions["ok"], predictions["weight"] = rng.random(N) < 0.9, rng.integers(1, 9, N)
    names = np.array([b"0", b"1", b"a", b"\xff", b"unknown"], dtype=f"S{CLASS_BYTES}")
    predictions["label"], label = rng.choice(names, N, p=[0.4, 0.4, 0.1, 0.05, 0.05]), rng.choice(names, N)
    predictions["score"] = np.where(rng.random(N) < 0.3, rng.choice(SCORES, N), rng.random(N))
    labelled = Labelled(predictions, label)
    numbers, compared = 0, 0
    for _ in range(200):
        rows = np.sort(rng.choice(N, rng.integers(1, 17), replace=False))
        chosen, said = predictions[rows], label[rows]
        usable = (chosen["kind"] != KIND_NONE) & (chosen["ok"] != 0)
        numeric = numeric_rows(chosen["kind"], task)
        few = labelled.outcomes(rows.tolist(), task, reference)
        if few is None:
            assert (usable & numeric).any()
            numbers += 1
            continue
        assert not (usable & numeric).any()
        columns = Outcomes(n=rows.size, weight=total(chosen["weight"]))
        add_classified(columns, chosen, said, usable & ~numeric, reference)
        assert few.to_wire() == columns.to_wire()
        compared += 1
    assert compared > 20 or task == "regression"
    assert numbers > 20 or task == "classification"
