"""Panes are integers: they add in any order, subtract exactly, and survive the wire."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.counting.fill_predictions import complete_missing, fill_pane
from tiltmeter.core.panes.answers import Answers
from tiltmeter.core.panes.cohorts import AGE_LIMITS_MS, age_buckets, cohort_starts
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.fixed_point import ONE, power_of_two_at_least, quantise, real, total
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.weighted import Weighted
from tiltmeter.core.policy import DAY, HOUR, MINUTE
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.decode import decode_predictions

KEY = PaneKey(0, 10_000, "m", "1", "")


def feature(rng: random.Random) -> FeatureCounts:
    bins = np.array([rng.choice([0, 0, 0, rng.randint(0, 9)]) for _ in range(20)], dtype=np.int64)
    categories = {name: rng.randint(1, 9) for name in "abc" if rng.random() < 0.7}
    return FeatureCounts(np.array([rng.randint(0, 9) for _ in range(6)], dtype=np.int64), bins, categories)


def prediction_pane(rng: random.Random) -> PredictionPane:
    pane = PredictionPane(
        KEY, "ref", events=rng.randint(1, 9), weight=rng.randint(1, 99), errors=rng.randint(0, 3)
    )
    pane.features = {name: feature(rng) for name in "xyz" if rng.random() < 0.8}
    pane.output = feature(rng)
    pane.scores = np.array([rng.randint(0, 9) for _ in range(10)], dtype=np.int64)
    pane.latencies = np.array([rng.randint(0, 9) for _ in range(14)], dtype=np.int64)
    pane.latency_us = rng.randint(0, 10**9)
    pane.expectations = {
        name: np.array([rng.randint(0, 9) for _ in range(5)], dtype=np.int64)
        for name in "xy"
        if rng.random() < 0.5
    }
    pane.answers = answers(rng)
    return pane


def answers(rng: random.Random, names: str = "01") -> Answers:
    found = Answers({name: rng.randint(1, 9) for name in names})
    if rng.random() < 0.5:
        found.scores = np.array([[rng.randint(0, 1) for _ in range(256)] for _ in range(4)], dtype=np.int64)
    return found


def outcomes(rng: random.Random, most: int = 1 << 60) -> Outcomes:
    confusion = {(a, b): rng.randint(1, 9) for a in "01" for b in "01" if rng.random() < 0.6}
    return Outcomes(
        rng.randint(0, 9), rng.randint(0, 99), confusion, [rng.randint(-most, most) for _ in SUMS]
    )


def label_pane(rng: random.Random) -> LabelPane:
    pane = LabelPane(KEY, lifted=rng.random() < 0.3)
    pane.feedback["matched"] = rng.randint(0, 9)
    pane.cells = {(60_000 * rng.randint(0, 3), rng.randint(0, 2)): outcomes(rng) for _ in range(3)}
    pane.corrections = {10_000 * rng.randint(0, 3): outcomes(rng) for _ in range(2)}
    pane.weighted = Weighted(*(rng.randint(0, 9) for _ in range(5)))
    return pane


def wire(part: Any) -> bytes:
    return orjson.dumps(part.to_wire())


def summed(parts: list[Any], empty: Any) -> Any:
    for part in parts:
        empty.add(part)
    return empty


@pytest.mark.parametrize("seed", range(20))
def test_panes_add_in_any_order_and_any_grouping(seed: int) -> None:
    rng = random.Random(seed)
    for make, empty in (
        (prediction_pane, lambda: PredictionPane(KEY, "ref")),
        (label_pane, lambda: LabelPane(KEY)),
        (outcomes, Outcomes),
    ):
        parts = [make(rng) for _ in range(6)]
        forwards = summed(parts, empty())
        grouped = summed([summed(parts[4:], empty()), summed(parts[:4], empty())], empty())
        assert wire(forwards) == wire(summed(parts[::-1], empty())) == wire(grouped)


@pytest.mark.parametrize("seed", range(20))
def test_the_wire_keeps_everything(seed: int) -> None:
    rng = random.Random(seed)
    for pane, read in (
        (prediction_pane(rng), PredictionPane.from_wire),
        (label_pane(rng), LabelPane.from_wire),
        (outcomes(rng, most=1 << 90), Outcomes.from_wire),
    ):
        assert wire(read(orjson.loads(wire(pane)))) == wire(pane)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_taken_out_again_leaves_no_trace(seed: int) -> None:
    rng = random.Random(seed)
    kept, gone = outcomes(rng), outcomes(rng)
    sum_of_both = summed([kept, gone], Outcomes())
    sum_of_both.add(gone, -1)
    assert wire(sum_of_both) == wire(kept)
    stays, leaves = prediction_pane(rng), prediction_pane(rng)
    leaves.features = {name: counts for name, counts in leaves.features.items() if name in stays.features}
    leaves.expectations = {name: n for name, n in leaves.expectations.items() if name in stays.expectations}
    both = summed([stays, leaves], PredictionPane(KEY, "ref"))
    both.add(leaves, -1)
    assert wire(both) == wire(stays)


def test_panes_of_different_references_are_refused() -> None:
    with pytest.raises(ValueError, match="different references"):
        PredictionPane(KEY, "a").add(PredictionPane(KEY, "b"))


def test_a_sum_beyond_64_bits_travels_as_text() -> None:
    """20,000 house prices in a pane, squared and clipped: 2**50 each, 2**64 together."""
    wide = Outcomes(n=20_000)
    wide.sums[SUMS.index("squared_target")] = 20_000 << 50
    wide.sums[SUMS.index("error")] = -(1 << 63)
    wide.sums[SUMS.index("target")] = (1 << 63) - 1
    sums = wide.to_wire()["sums"]
    assert sums[SUMS.index("squared_target")] == str(20_000 << 50)
    assert sums[SUMS.index("error")] == str(-(1 << 63))
    assert sums[SUMS.index("target")] == (1 << 63) - 1
    assert Outcomes.from_wire(orjson.loads(wire(wide))) == wide


def test_terms_are_clipped_rounded_half_to_even_and_summed_exactly() -> None:
    values = np.array([0.5 / ONE, 1.5 / ONE, -0.5 / ONE, 1e300, -math.inf, math.inf])
    assert quantise(values).tolist() == [0, 2, 0, 1 << 50, -(1 << 50), 1 << 50]
    assert quantise(np.array([3.0]), unit=2.0).tolist() == [3 * ONE // 2]
    assert real(3 * ONE // 2, unit=2.0) == 3.0
    assert total(np.full(100_000, 1 << 50, dtype=np.int64)) == 100_000 << 50
    assert total(np.array([], dtype=np.int64)) == 0


def test_units_are_powers_of_two() -> None:
    for value in (0.1, 0.5, 0.51, 1.0, 1.01, 3e-320, 1e300):
        unit = power_of_two_at_least(value)
        assert unit / 2 < value <= unit
        assert math.frexp(unit)[0] == 0.5
    assert [power_of_two_at_least(value) for value in (0.0, -1.0, math.nan, math.inf)] == [1.0] * 4


def test_ages_equal_to_a_limit_belong_below_and_cohorts_coarsen() -> None:
    ages = np.array([0, MINUTE, MINUTE + 1, HOUR, HOUR + 1, DAY, DAY + 1, 90 * DAY, 90 * DAY + 1])
    buckets = age_buckets(ages)
    assert buckets.tolist() == [0, 0, 1, 2, 3, 4, 5, 10, len(AGE_LIMITS_MS)]
    at = np.full(ages.size, DAY + 5 * HOUR + 7 * MINUTE + 3)
    minute, hour, day = DAY + 5 * HOUR + 7 * MINUTE, DAY + 5 * HOUR, DAY
    assert cohort_starts(at, buckets).tolist() == [minute] * 4 + [hour] * 2 + [day] * 3


def filled(*events: dict[str, Any]) -> PredictionPane:
    values = [
        {"prediction_id": f"{i}", "model": "m", "at": 5, "prediction": 1, **e} for i, e in enumerate(events)
    ]
    columns, rejected = decode_predictions(
        [LogRecord(i, 5, None, orjson.dumps(value)) for i, value in enumerate(values)]
    )
    assert not rejected
    reference = build_reference({"x": [0.0, 1.0, 2.0], "c": ["a", "b", "a"]}, model="m", version="1")
    (group,) = columns.groups
    return fill_pane(KEY, columns, group, np.arange(len(events)), reference)


def test_scores_outside_zero_and_one_fall_into_the_outer_bins_however_large() -> None:
    pane = filled(*({"score": score} for score in (-1e308, -0.01, 0, 0.09, 0.1, 0.999, 1, 7, 1e300, 1.7e308)))
    assert pane.scores.tolist() == [4, 1, 0, 0, 0, 0, 0, 0, 0, 5]


def test_a_failed_prediction_counts_as_an_error_and_as_nothing_else() -> None:
    pane = filled(
        {"status": "error", "prediction": None, "score": 0.5, "features": {"x": 1.0}, "latency_ms": 3}
    )
    assert (pane.events, pane.errors) == (1, 1)
    assert not pane.scores.any()
    assert not pane.latencies.any()
    assert not pane.features["x"].cells.any()


def test_missing_cells_are_what_is_left_of_the_successful_events() -> None:
    r"""x: a number, text, NaN, null, absent, failed → ok 1, type error 1, nonfinite 1, missing 2."""
    pane = filled(
        {"features": {"x": 1.5}}, {"features": {"x": "two"}}, {"features": {"x": None}, "nonfinite": {"x": "nan"}},
        {"features": {"x": None}}, {"features": {}}, {"features": {"x": 1.0}, "status": "error"},
    )  # fmt: skip
    complete_missing(pane)
    assert pane.features["x"].cells.tolist() == [1, 2, 1, 1, 0, 0]
    assert pane.features["c"].cells.tolist() == [0, 5, 0, 0, 0, 0]


def test_unknown_features_and_categories_are_counted_together() -> None:
    pane = filled({"features": {"c": "new", "y": 1, "z": None}}, {"features": {"c": "newer", "x": 9.0}})
    assert pane.unknown_features == 1
    assert pane.features["c"].categories == {"(unseen)": 2}
    assert pane.features["c"].cells.tolist() == [2, 0, 0, 0, 0, 2]
    assert pane.features["x"].cells.tolist() == [1, 0, 0, 0, 1, 0]


def test_beyond_a_reference_without_a_value_a_cell_is_out_of_range_once() -> None:
    reference = build_reference({"x": [math.nan] * 4}, model="m", version="1")
    event = b'{"prediction_id":"1","model":"m","version":"1","at":1,"prediction":0,"features":{"x":1.5}}'
    columns, _ = decode_predictions([LogRecord(0, -1, None, event)])
    pane = fill_pane(KEY, columns, columns.groups[0], np.arange(1), reference)
    assert pane.features["x"].cells.tolist() == [1, 0, 0, 0, 1, 0]
