"""What the status page draws: bars that keep every row, bands that a textbook gives."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest

from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram import bin_counts, edges_from_reference
from tiltmeter.core.reference.profile import CategoricalFeature, NumericFeature
from tiltmeter.events.columns import Float64
from tiltmeter.processor.page.bars import BARS, Bar, coarsened, numeric_picture
from tiltmeter.processor.page.distribution import SHOWN, picture
from tiltmeter.processor.page.performance_points import wilson

RNG = np.random.default_rng(5)
SHAPES = {
    "normal": RNG.normal(size=5000),
    "heavy tail": RNG.pareto(1.1, size=5000) + 1,
    "whole numbers": RNG.integers(18, 85, size=5000).astype(float),
    "counts": RNG.poisson(4, size=5000).astype(float),
    "mostly zero": np.where(RNG.random(5000) < 0.7, 0.0, RNG.lognormal(size=5000)),
    "one value": np.full(100, 3.0),
    "two values": RNG.integers(0, 2, size=500).astype(float),
    "huge": RNG.normal(size=500) * 1e300,
    "a single row": np.array([1.0]),
}


def profile(values: Float64) -> NumericFeature:
    edges = edges_from_reference(values)
    return NumericFeature(edges, bin_counts(edges, values), 0, 0, float(values.min()), float(values.max()))


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_every_row_is_in_exactly_one_bar_or_tail(values: Float64) -> None:
    reference = profile(values)
    window = bin_counts(reference.edges, values[::3] * 1.5)
    drawn = numeric_picture(reference, window)
    if drawn["kind"] == "categories":
        rows = [row[1:] for row in drawn["rows"]] + [drawn["rest"]]
    else:
        rows = [bar[2:] for bar in drawn["bars"]] + [drawn["below"], drawn["above"]]
    assert np.sum(rows, axis=0).tolist() == [values.size, values[::3].size]


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_bars_are_few_touch_and_have_a_width(values: Float64) -> None:
    reference = profile(values)
    drawn = numeric_picture(reference, np.zeros_like(reference.counts))
    bars = [Bar(*bar) for bar in drawn.get("bars", [])]
    assert len(bars) <= BARS
    assert all(bar.start < bar.end for bar in bars)
    assert all(left.end == right.start for left, right in pairwise(bars))


def test_whole_numbers_make_bars_of_equal_width_and_equal_height() -> None:
    values = np.repeat(np.arange(18.0, 48.0), 100)
    reference = profile(values)
    drawn = numeric_picture(reference, reference.counts)
    densities = [n / (end - start) for start, end, n, _ in drawn["bars"]]
    assert densities == pytest.approx([100] * 30)


def test_a_flag_is_drawn_as_two_named_values() -> None:
    drawn = numeric_picture(profile(np.array([0.0, 0.0, 1.0] * 50)), np.array([0, 9, 0, 1, 2]))
    assert drawn["rows"] == [["0", 100, 9], ["1", 50, 1]]
    assert drawn["rest"] == [0, 2]


def test_bars_are_put_together_up_to_a_share_of_the_range() -> None:
    fine = [Bar(i / 100, (i + 1) / 100, 1, 2) for i in range(100)]
    coarse = coarsened(fine, bars=10)
    assert [(round(bar.end - bar.start, 9), bar.reference, bar.current) for bar in coarse] == [
        (0.1, 10, 20)
    ] * 10


def test_of_many_categories_the_frequent_ones_of_either_side_are_drawn() -> None:
    known = {f"c{i:02}": 1000 - i for i in range(60)}
    counts = FeatureCounts(categories={"c59": 5000, "(unseen)": 7})
    drawn = picture(CategoricalFeature(known, other=3, missing=0), counts)
    assert len(drawn["rows"]) == SHOWN
    assert ["c59", 941, 5000] in drawn["rows"]
    assert drawn["rest_of"] == 60 - SHOWN
    assert [drawn["rest"][1], sum(row[1] for row in drawn["rows"]) + drawn["rest"][0]] == [
        7,
        sum(known.values()) + 3,
    ]


@pytest.mark.parametrize(("wrong", "n"), [(0, 1), (1, 1), (0, 50), (3, 50), (500, 1000), (1000, 1000)])
def test_the_band_is_wilson_s_interval(wrong: int, n: int) -> None:
    truth = binomtest(wrong, n).proportion_ci(0.95, method="wilson")
    assert wilson(wrong, n) == pytest.approx((truth.low, truth.high), abs=2e-5)
