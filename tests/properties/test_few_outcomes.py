"""Outcomes of a few labels, one by one, are those of the columns, to the bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltmeter.core.counting.few_outcomes import FEW, Labelled
from tiltmeter.core.counting.fill_outcomes import add_classified, add_measured
from tiltmeter.core.counting.yardstick import Yardstick
from tiltmeter.core.join.rows import PREDICTION
from tiltmeter.core.panes.fixed_point import total
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.reference.task import numeric_rows
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import CLASS_BYTES, KIND_CLASS, KIND_FLOAT, KIND_INTEGER, KIND_NONE

N = 400
KNOWN = Performance("classification", 100, 10, classes=("0", "1", "a"))
SCORES = [0.0, 1.0, 0.5, 1e-16, 1 - 1e-16, 1 / 15, 2 / 15, -0.1, 1.1, float("nan"), 0.25, 0.75]
#: What rounds, clips or has no place: halves of 2**-20, both zeros, subnormal, the largest float.
NUMBERS = [0.0, -0.0, 0.5 / 2**20, 1.5 / 2**20, 5e-324, 1.7e308, -1.7e308, 2.0**30, math.nan, math.inf]


def _built() -> Performance:
    rng = np.random.default_rng(3)
    label = np.where(rng.random(3_000) < 0.3, 0.5, rng.normal(0, 30, 3_000))
    predictions = label + rng.choice([0.0, 1.0], 3_000) * rng.normal(0, 4, 3_000)
    profile = build_reference(
        {}, model="m", version="1", predictions=predictions, labels=label, task="regression"
    )
    assert profile.performance is not None
    return profile.performance


REGRESSION = _built()
#: (task, the version's first reference, loss_scale)
VERSIONS = [
    (task, reference, scale)
    for task in ("auto", "classification", "regression")
    for reference in (
        None,
        KNOWN,
        REGRESSION,
        Performance("regression", 9, cap=0.0, scale=0.125, label_edges=(0.0,), label_counts=(1, 8)),
        Performance("regression", 9, cap=3.0, residual_edges=(-1.0, 1.0), residual_counts=(2, 5, 2)),
    )
    for scale in (0.3, 1000.0)
]


def columns_of(predictions: np.ndarray, label: np.ndarray, value: np.ndarray, version: int) -> Outcomes:
    """As the join counts many rows of one version."""
    task, reference, scale = VERSIONS[version]
    usable = (predictions["kind"] != KIND_NONE) & (predictions["ok"] != 0)
    numeric = numeric_rows(predictions["kind"], task)
    outcomes = Outcomes(n=predictions.size, weight=total(predictions["weight"]))
    add_classified(outcomes, predictions, label, usable & ~numeric, reference)
    add_measured(outcomes, predictions, value, usable & numeric, reference, scale)
    return outcomes


def some_labels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions of all versions in one batch, the classes of their labels, and the numbers."""
    predictions = np.zeros(N, dtype=PREDICTION)
    predictions["kind"] = rng.choice(
        [KIND_CLASS, KIND_INTEGER, KIND_NONE, KIND_FLOAT], N, p=[0.3, 0.3, 0.1, 0.3]
    )
    predictions["group"] = rng.integers(0, len(VERSIONS), N)
    predictions["ok"], predictions["weight"] = rng.random(N) < 0.9, rng.integers(1, 9, N)
    names = np.array([b"0", b"1", b"a", b"\xff", b"unknown"], dtype=f"S{CLASS_BYTES}")
    predictions["label"], label = rng.choice(names, N, p=[0.4, 0.4, 0.1, 0.05, 0.05]), rng.choice(names, N)
    predictions["score"] = np.where(rng.random(N) < 0.3, rng.choice(SCORES, N), rng.random(N))
    scale = 10.0 ** rng.integers(-9, 12, N)
    predictions["value"] = np.where(rng.random(N) < 0.2, rng.choice(NUMBERS, N), rng.normal(0, 40, N) * scale)
    near = predictions["value"] + rng.choice([0.0, 1.0], N) * rng.normal(0, 4, N)
    return predictions, label, np.where(rng.random(N) < 0.2, rng.choice(NUMBERS, N), near)


YARDSTICKS = {number: Yardstick.of(*version) for number, version in enumerate(VERSIONS)}


@pytest.mark.parametrize("seed", range(10))
def test_few_labels_and_columns_agree_for_every_task_and_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predictions, label, value = some_labels(rng)
    labelled = Labelled(predictions, label, value, YARDSTICKS)
    mixed, binned, scored = 0, 0, 0
    for version in range(len(VERSIONS)):
        of_version = np.flatnonzero(predictions["group"] == version)
        for _ in range(8):
            rows = np.sort(rng.permutation(of_version)[: rng.integers(1, FEW + 1)])
            few = labelled.outcomes(rows.tolist(), YARDSTICKS[version])
            columns = columns_of(predictions[rows], label[rows], value[rows], version)
            assert few.to_wire() == columns.to_wire()
            assert few == columns
            mixed += bool(few.confusion and few.sum("target"))
            binned += bool(few.residuals and few.targets)
            scored += bool(few.scores)
    assert min(mixed, binned, scored) > 10  # what is compared is there


number = st.floats(allow_nan=False, width=64) | st.sampled_from([x for x in NUMBERS if math.isfinite(x)])


@given(
    answers=st.lists(st.tuples(number, number), min_size=1, max_size=FEW),
    scale=st.integers(-1000, 1000),
    cap=st.floats(5e-324, 1.7e308),
    edges=st.sets(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
)
def test_every_number_is_rounded_the_same_one_by_one(
    answers: list[tuple[float, float]], scale: int, cap: float, edges: set[float]
) -> None:
    """In any unit, against any cap, over any bins; numpy's own rounding of arrays of other lengths included."""
    bins, counts = tuple(sorted(edges)), (1,) * (len(edges) + 1)
    reference = Performance(
        "regression", 1, cap=cap, scale=math.ldexp(1.0, scale), residual_edges=bins, residual_counts=counts,
        label_edges=bins, label_counts=counts,
    )  # fmt: skip
    yardstick = Yardstick.of("regression", reference, 1.0)
    predictions, value = np.zeros(len(answers), dtype=PREDICTION), np.array([actual for _, actual in answers])
    predictions["value"], predictions["ok"], predictions["kind"] = [p for p, _ in answers], 1, KIND_FLOAT
    label = np.zeros(len(answers), dtype=f"S{CLASS_BYTES}")
    rows = np.ones(len(answers), dtype=np.bool_)
    columns = Outcomes(n=len(answers))
    add_measured(columns, predictions, value, rows, reference, 1.0)
    assert (
        Labelled(predictions, label, value, {0: yardstick}).outcomes(list(range(len(answers))), yardstick)
        == columns
    )
    apart = Outcomes()
    for i in range(len(answers)):
        one = Labelled(predictions[i : i + 1], label[i : i + 1], value[i : i + 1], {0: yardstick})
        apart.amend(one.outcomes([0], yardstick))
    assert apart.sums == columns.sums
    assert (apart.residuals, apart.targets) == (columns.residuals, columns.targets)
    assert len(apart.sums) == len(SUMS)
