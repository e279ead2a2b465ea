"""Counting a few rows one by one gives the bytes that counting columns gives."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.counting.fill_answers import count_answers, count_few_answers
from tiltmeter.core.counting.fill_embedding import KeySample
from tiltmeter.core.counting.fill_few import JointRowsOfPane, count_jointly, fill_few
from tiltmeter.core.counting.fill_predictions import fill_pane
from tiltmeter.core.counting.plain_rows import FEW, PlainRows
from tiltmeter.core.expectations import Expectation
from tiltmeter.core.panes.answers import Answers
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.score_counts import EDGES
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import LogRecord, PredictionColumns
from tiltmeter.events.decode import decode_predictions

KEY = PaneKey(0, 10_000, "m", "1", "")
SIZES = (0, 1, 2, 4, FEW - 1, FEW, FEW + 1, 3 * FEW)
EXPECTED = {"x": Expectation(minimum=-1.0, maximum=1.0, required=True), "kind": Expectation(allowed=("a",))}
MISSING = object()
TASKS = ["auto", "classification", "regression"]


def reference(rng: random.Random) -> ReferenceProfile:
    """``atoms`` has ties that are bins of their own, ``flat`` one value, ``none`` no number at all."""
    draw, rows = np.random.default_rng(rng.getrandbits(32)), 400
    columns: dict[str, Any] = {
        "x": draw.normal(size=rows),
        "y": draw.normal(size=rows),
        "atoms": draw.choice([0.0, 1.0, 2.5], size=rows),
        "flat": np.full(rows, 7.0),
        "none": np.full(rows, np.nan),
        "kind": draw.choice(["a", "b", "c"], size=rows),
        "absent": draw.normal(size=rows),
    }
    predictions = draw.normal(size=rows) if rng.random() < 0.5 else draw.integers(0, 2, rows)
    return build_reference(columns, model="m", version="1", predictions=predictions, labels=predictions)


def value(rng: random.Random, profile: ReferenceProfile, clean: bool) -> Any:
    known = [*EDGES[:3].tolist(), *profile.features["x"].edges.tolist()[:9]]  # type: ignore[union-attr]
    numbers = [rng.gauss(0, 1), rng.choice(known), 0.0, -0.0, 1.0, 2.5, 7, -1e308, 1e308, 5e-324]
    if clean:
        return rng.choice(numbers)
    return rng.choice([*numbers, None, MISSING, "a", "b", "zzz", "nan", True, [1], {}, 10**400])


def event(rng: random.Random, number: int, profile: ReferenceProfile, clean: bool) -> dict[str, Any]:
    names = ["x", "y", "atoms", "flat", "none", "kind", "new", *(["absent"] if clean else [])]
    features = {name: value(rng, profile, clean) for name in names}
    made = {
        "prediction_id": str(number),
        "model": "m",
        "version": "1",
        "at": number,
        "features": {name: cell for name, cell in features.items() if cell is not MISSING},
        "prediction": rng.choice([0, 1, "0", "1", True, 0.5, -3.25, 1e300, "cat", "dög"]),
        "score": rng.choice([None, 0.0, 1.0, 0.95, 0.1, rng.random(), EDGES[7], -0.5, 1.5, 1e300]),
        "latency_ms": rng.choice([None, 0, 1, 2.5, 10_000, 1e6, rng.expovariate(0.1)]),
        "weight": rng.choice([1, 3, 17]),
    }
    if not clean and rng.random() < 0.2:
        made |= {"status": "error", "prediction": None}
    if not clean and rng.random() < 0.2:
        made["nonfinite"] = {"y": "inf", "x": "nan"}
        made["features"].pop("y", None)
    return made


def decoded(rng: random.Random, profile: ReferenceProfile, n: int) -> PredictionColumns:
    clean = rng.random() < 0.4
    values = [json.dumps(event(rng, i, profile, clean)).encode() for i in range(n)]
    columns, rejected = decode_predictions([LogRecord(i, -1, None, raw) for i, raw in enumerate(values)])
    assert not rejected
    return columns


@pytest.mark.parametrize("seed", range(60))
def test_a_pane_of_a_few_rows_is_the_pane_of_the_columns(seed: int) -> None:
    rng = random.Random(seed)
    profile, size = reference(rng), SIZES[seed % len(SIZES)]
    columns = decoded(rng, profile, max(size, 1))
    plain, whole, made = PlainRows(columns), PredictionPane(KEY, profile.reference_id), []
    together: list[JointRowsOfPane] = []
    for group in columns.groups:
        some = sorted(rng.sample(range(group.rows.size), min(size, group.rows.size)))
        for members in (list(range(group.rows.size)), some, some[1:], some[:2], []):
            for given, learning in ((profile, False), (None, True), (None, False)):
                jointly = rng.random() < 0.8
                sampled = KeySample(columns.keys).of(rng.choice([0.0, 0.3, 1.0]))
                task, array = rng.choice(TASKS), np.array(members, dtype=np.int64)
                slow = fill_pane(
                    KEY, columns, group, array, given, learning, EXPECTED, jointly, sampled=sampled
                )
                good = group.rows[array][columns.ok[group.rows[array]]]
                slow.answers = count_answers(columns, good, task)
                joint = together if jointly else None
                fast = fill_few(
                    KEY,
                    columns,
                    plain,
                    group,
                    members,
                    given,
                    learning,
                    EXPECTED,
                    jointly=joint,
                    task=task,
                    sampled=sampled,
                )
                made.append((fast, slow))
    count_jointly(together)
    assert [wire(fast) for fast, _ in made] == [wire(slow) for _, slow in made]
    parts = [fast for fast, _ in made if fast.reference_id]
    for _, slow in made:
        if slow.reference_id:
            whole.add(slow)
    rng.shuffle(parts)
    merged = PredictionPane(KEY, profile.reference_id)
    for part in parts:
        merged.add(PredictionPane.from_wire(orjson.loads(wire(part))) if rng.random() < 0.3 else part)
    assert wire(merged) == wire(whole)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("task", TASKS)
def test_a_few_answers_are_counted_like_a_column_of_them(seed: int, task: str) -> None:
    rng = random.Random(seed)
    columns = decoded(rng, reference(rng), SIZES[seed % len(SIZES)] or 1)
    plain, sum_few, sum_columns = PlainRows(columns), Answers(), Answers()
    for _ in range(rng.choice([1, 3, 40])):
        rows = sorted(rng.sample(range(len(columns)), rng.randint(0, len(columns))))
        slow, fast = (
            count_answers(columns, np.array(rows, dtype=np.int64), task),
            count_few_answers(plain, rows, task),
        )
        assert wire(fast) == wire(slow)
        assert bool(fast) == bool(slow)
        sum_few.add(fast)
        sum_columns.add(slow)
        assert wire(sum_few) == wire(sum_columns)
    mixed = Answers()
    mixed.add(sum_columns)
    mixed.add(sum_few)
    mixed.add(sum_columns, -1)
    assert wire(mixed) == wire(sum_columns)


def wire(part: Any) -> bytes:
    return orjson.dumps(part.to_wire())
