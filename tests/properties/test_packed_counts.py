"""What a histogram is on the wire: read back exactly, by a reader of single bits too, and equal for equal counts."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.packed_counts import unpacked
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram_wire import FEW, histograms_from_wire, histograms_to_wire
from tiltmeter.core.panes.packed_counts import MOST_PACKED, pack, unpack

#: Few and many, equal and not, with outliers, negative and as large as can be packed.
COUNTS = st.one_of(
    st.lists(st.integers(0, 4), min_size=1, max_size=300),
    st.lists(st.integers(3_800, 4_200), min_size=1, max_size=300),
    st.lists(st.sampled_from([0, 7, 7, 7, 10**6, -3]), min_size=1, max_size=300),
    st.lists(st.integers(-MOST_PACKED, MOST_PACKED), min_size=1, max_size=40),
    st.integers(-MOST_PACKED, MOST_PACKED).flatmap(lambda n: st.lists(st.just(n), min_size=1, max_size=300)),
)
HUGE = st.lists(st.integers(-(1 << 62), 1 << 62), min_size=1, max_size=40)


def arrays(several: list[list[int]]) -> list[np.ndarray]:
    return [np.array(counts, dtype=np.int64) for counts in several]


@given(st.lists(COUNTS, min_size=1, max_size=6))
def test_packed_counts_are_read_back_and_do_not_depend_on_their_company(several: list[list[int]]) -> None:
    texts = pack(arrays(several))
    assert [counts.tolist() for counts in unpack(texts)] == several
    assert [pack(arrays([counts])) for counts in several] == [[text] for text in texts]


@given(COUNTS)
def test_a_reader_of_single_bits_reads_the_same(counts: list[int]) -> None:
    assert unpacked(pack(arrays([counts]))[0]) == counts


@given(COUNTS)
def test_the_text_is_as_short_as_promised(counts: list[int]) -> None:
    head, guess, base, body = pack(arrays([counts]))[0].split(" ")
    guesses = [int(base)] * len(counts) if guess[0] == "m" else [int(base), *counts[:-1]]
    differences = [count - guess for count, guess in zip(counts, guesses, strict=True)]
    bits = sum((2 * d if d >= 0 else -2 * d - 1).bit_length() for d in differences)
    assert len(body) <= (len(counts) + 3 * bits) / 6 + 3
    assert len(guess) + len(base) + 3 <= 25
    assert head == str(len(counts))


@given(st.lists(st.one_of(COUNTS, HUGE), min_size=1, max_size=6))
def test_the_wire_is_the_shortest_of_the_three_but_for_a_few_values(several: list[list[int]]) -> None:
    wires = histograms_to_wire(arrays(several))
    read = histograms_from_wire(orjson.loads(orjson.dumps(wires)))
    assert [counts.tolist() for counts in read if counts is not None] == several
    for counts, wire in zip(several, wires, strict=True):
        filled = [(place, n) for place, n in enumerate(counts) if n]
        spellings: list[object] = [counts, [len(counts), *(x for pair in filled for x in pair)]]
        if sum(map(abs, counts)) <= FEW:
            spellings = [spellings[len(filled) * 2 < len(counts)]]
        elif max(map(abs, counts)) <= MOST_PACKED:
            spellings += pack(arrays([counts]))
        ((_, written),) = wire.items()
        assert written in spellings
        assert len(orjson.dumps(written)) == min(len(orjson.dumps(it)) for it in spellings)


@given(st.integers(1, 80), st.data())
def test_equal_counts_are_equal_bytes_however_they_were_merged(size: int, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.lists(st.integers(0, size - 1), max_size=40), max_size=6))
    merged, again = FeatureCounts(), FeatureCounts()
    parts = [
        FeatureCounts.of_places([len(part), 0, 0, 0, 0, 0], size, part)
        if data.draw(st.booleans())
        else FeatureCounts(np.array([len(part), 0, 0, 0, 0, 0]), np.bincount(part, minlength=size))
        for part in ([], *places)
    ]
    for part in parts:
        merged.add(part)
    for part in data.draw(st.permutations(parts)):
        again.add(FeatureCounts.from_wire(orjson.loads(orjson.dumps(part.to_wire()))))
    every = [place for part in places for place in part]
    counted = FeatureCounts(
        np.array([len(every), 0, 0, 0, 0, 0]), np.bincount(np.array(every, dtype=np.int64), minlength=size)
    )
    assert orjson.dumps(merged.to_wire()) == orjson.dumps(again.to_wire()) == orjson.dumps(counted.to_wire())


@given(COUNTS, st.data())
def test_a_text_that_is_cut_or_changed_is_refused_or_read_as_other_counts(
    counts: list[int], data: st.DataObject
) -> None:
    (text,) = pack(arrays([counts]))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(["", "A", "/", "0", "9", " ", "=", "-", "é"]))
    with suppress(ValueError):
        (read,) = unpack([text[:at] + other + text[at + 1 :]])
        assert read.dtype == np.int64


@pytest.mark.parametrize("seed", range(3))
def test_old_spellings_are_read_as_ever(seed: int) -> None:
    counts = np.random.default_rng(seed).poisson(9, 256)
    pairs = [x for place, n in enumerate(counts.tolist()) if n for x in (place, n)]
    cells = [int(counts.sum()), 0, 0, 0, 0, 0]
    for old in ({"bins": counts.tolist()}, {"sparse": [256, *pairs]}):
        read = FeatureCounts.from_wire({"cells": cells, **old})
        assert read.bins is not None
        assert read.bins.tolist() == counts.tolist()
        assert list(read.to_wire()) == ["cells", "packed"]
