"""The packed spelling of a histogram: its bits, what is refused, and how long a pane is with it."""

from __future__ import annotations

import re

import numpy as np
import orjson
import pytest
from scipy.special import ndtr

from tiltmeter.core.panes.bit_fields import read_fields, write_fields
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram_wire import FEW
from tiltmeter.core.panes.joint_counts import JointCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.messages import pane_message, read_message
from tiltmeter.core.panes.packed_counts import MOST_PACKED, pack, unpack
from tiltmeter.core.panes.pane import pane_from_wire, part_to_wire
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.reference.profile import NumericFeature, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.pane_merge import PaneMerge

FEATURES, MOST_BYTES = 20, 14_000
#: Of the reference below: how panes are written must not change what a reference is called.
REFERENCE_ID = "ref-b9d09cb8c78d"
KEY = PaneKey(1_767_787_200_000, 10_000, "credit-risk", "2026-01-07", "")


def test_fields_of_any_width_at_any_bit_are_read_back_and_touch_nothing_else() -> None:
    rng = np.random.default_rng(1)
    widths = np.concatenate([np.arange(58), rng.integers(0, 58, 500)])
    gaps = rng.integers(0, 9, widths.size)
    places = np.cumsum(widths + gaps) - widths
    values = np.array([(1 << int(width)) - 1 for width in widths])
    bits = int(places[-1] + widths[-1])
    raw = write_fields(bits, places, widths, values)
    assert len(raw) == -(-bits // 8)
    assert read_fields(raw, places, widths).tolist() == values.tolist()
    expected = ["0"] * (len(raw) * 8)
    for place, width in zip(places.tolist(), widths.tolist(), strict=True):
        expected[place : place + width] = "1" * width
    assert f"{int.from_bytes(raw):0{len(raw) * 8}b}" == "".join(expected)


def test_the_bits_are_those_of_the_description() -> None:
    r"""By the previous count, k = 0: d is 0, -1, 2, 0; y is 1, 2, 5, 1; g is 0, 1, 2, 0.

    1 01 001 1 | 0 01, filled up: 10100110 01000000, in Base64 pkA.
    """
    assert pack([np.array([10, 9, 11, 11])]) == ["4 p0 10 pkA"]
    assert unpack(["4 p0 10 pkA"])[0].tolist() == [10, 9, 11, 11]


def test_a_histogram_that_is_as_the_reference_is_guessed_by_its_mean_a_drifted_one_by_its_neighbours() -> (
    None
):
    rng = np.random.default_rng(2)
    even, slope = rng.poisson(400, 256), rng.poisson(np.linspace(50, 750, 256))
    even_text, slope_text = pack([even, slope])
    assert even_text.split(" ")[1].startswith("m")
    assert slope_text.split(" ")[1].startswith("p")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not enough values"),
        ("4 p0 10", "not enough values"),
        ("4 p0 10 pkA more", "too many values"),
        ("four p0 10 pkA", "invalid literal"),
        ("4 q0 10 pkA", "head"),
        ("4 p 10 pkA", "invalid literal"),
        ("4 p-1 10 pkA", "head"),
        ("4 p57 10 pkA", "head"),
        (f"4 p0 {MOST_PACKED + 1} pkA", "head"),
        ("0 p0 10 pkA", "length"),
        (f"{10**30} p0 10 pkA", "length"),
        ("4 p0 10 pk!A", "base64"),
        ("4 p0 10 pkA==", "padding"),
        ("4 p0 10 AAAA", "ends too early"),
        ("4 p0 10 pg", "length"),
        ("4 p0 10 pkAA", "length"),
        ("1 m56 0 AAAA/w", "too large"),
        (17, "no text"),
    ],
)
def test_what_is_no_packed_text_is_refused_and_says_which(text: str, what: str) -> None:
    good = pack([np.arange(300)])
    with pytest.raises(ValueError, match=rf"packed counts '{re.escape(str(text)[:20])}.*(?i:{what}).*schema"):
        unpack([*good, text, *good])


def test_a_pane_with_a_malformed_text_is_refused_when_it_is_read_from_the_topic() -> None:
    pane = PredictionPane(KEY, "ref", features={"x": FeatureCounts(bins=np.arange(256))})
    message = read_message(pane_message(pane, 0, 0))
    counts = message["pane"]["features"]["x"]
    counts["packed"] = counts["packed"][:-9]
    with pytest.raises(ValueError, match="packed counts"):
        PaneMerge(0, 1).on_pane(message)


def test_counts_that_float_cannot_tell_apart_are_not_packed() -> None:
    for most, name in ((MOST_PACKED, "packed"), (MOST_PACKED + 1, "bins"), (1 << 62, "bins")):
        counts = FeatureCounts(bins=np.where(np.arange(256) == 3, most, 40))
        wire = orjson.loads(orjson.dumps(counts.to_wire()))
        assert name in wire
        again = FeatureCounts.from_wire(wire).bins
        assert again is not None
        assert again[3] == most


def test_joint_counts_of_more_than_a_few_rows_are_packed_and_read_back_old_ones_too() -> None:
    rng = np.random.default_rng(4)
    for rows, packed in ((FEW, False), (FEW + 1, True), (5_000, True)):
        joint = JointCounts.of(np.rint(rng.normal(size=(FEATURES, rows)) * 32), 3)
        wire = orjson.loads(orjson.dumps(joint.to_wire()))
        assert ("packed" in wire, "sums" in wire) == (packed, not packed)
        for form in (wire, joint.listed()):
            again = JointCounts.from_wire(form)
            assert (again.rows, again.outliers) == (rows, 3)
            assert np.array_equal(again.sums, joint.sums)
            assert np.array_equal(again.products, joint.products)


def test_a_part_for_the_join_log_is_not_packed_and_is_the_same_pane(reference: ReferenceProfile) -> None:
    pane = drawn(reference, 2_000, 0, 1, 0, seed=5)
    part = orjson.dumps(part_to_wire(pane))
    assert b"packed" not in part
    assert pane_message(pane_from_wire(orjson.loads(part)), 0, 0) == pane_message(pane, 0, 0)


def test_the_document_of_a_reference_does_not_change_with_the_form_of_panes(
    reference: ReferenceProfile,
) -> None:
    assert b"packed" not in reference.to_json()
    assert reference.reference_id == REFERENCE_ID


# How long a pane is ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference() -> ReferenceProfile:
    values = np.random.default_rng(3).normal(size=(FEATURES, 20_000))
    return build_reference(
        {f"feature_{j:02}": column for j, column in enumerate(values)}, model="m", version="1"
    )


def drawn(
    reference: ReferenceProfile, rows: int, mean: float, spread: float, zeros: float, seed: int
) -> PredictionPane:
    """Counts of ``rows`` normal values per feature, a share of ``zeros`` in place of some, as numbers of their
    distribution: a million rows are drawn at once. Joint sums are those of 10,000 rows, scaled."""
    rng = np.random.default_rng(seed)
    pane = PredictionPane(KEY, reference.reference_id, rows, rows)
    for name, feature in reference.features.items():
        assert isinstance(feature, NumericFeature)
        below = ndtr((feature.edges - mean) / spread)
        shares = np.diff(below, prepend=0.0, append=1.0) * (1.0 - zeros)
        shares[np.searchsorted(feature.edges, 0.0)] += zeros
        bins = rng.multinomial(rows, shares / shares.sum())
        outside = rows // 50 if mean else rows // 20_000
        pane.features[name] = FeatureCounts(np.array([rows, 0, 0, 0, outside, 0]), bins)
    common = rng.normal(size=10_000)
    values = mean + spread * (rng.normal(size=(FEATURES, 10_000)) + common) / np.sqrt(2.0)
    joint = JointCounts.of(np.clip(np.rint(values * 32), -127, 127), rows // 1_000)
    scale = rows / 10_000
    joint.rows, joint.sums = rows, np.rint(joint.sums * scale).astype(np.int64)
    joint.products = np.rint(joint.products * scale).astype(np.int64)
    pane.joint = joint
    half = rows // 2
    pane.output = FeatureCounts(np.array([rows, 0, 0, 0, 0, 0]), categories={"0": half, "1": rows - half})
    pane.scores, pane.latencies = np.full(10, rows // 10), np.full(14, rows // 14)
    pane.latency_us = rows * 12_345
    return pane


@pytest.mark.parametrize("rows", [33, 200, 2_000, 10_000, 100_000, 1_000_000])
@pytest.mark.parametrize(
    ("mean", "spread", "zeros"),
    [(0, 1, 0), (0.5, 1, 0), (3, 1, 0), (0, 0.5, 0), (0, 2, 0), (0, 1, 0.5)],
    ids=["in place", "shifted", "far away", "narrow", "wide", "half of it zeros"],
)
def test_a_pane_of_20_features_and_joint_counts_has_at_most_14_000_bytes(
    reference: ReferenceProfile, rows: int, mean: float, spread: float, zeros: float
) -> None:
    pane = drawn(reference, rows, mean, spread, zeros, seed=rows)
    raw = pane_message(pane, partition=12, epoch=104)
    assert len(raw) <= MOST_BYTES
    read = pane_from_wire(read_message(raw)["pane"])
    assert pane_message(read, 12, 104) == raw
    for name, counts in pane.features.items():
        assert isinstance(read, PredictionPane)
        assert np.array_equal(read.features[name].bins, counts.bins)  # type: ignore[arg-type]
