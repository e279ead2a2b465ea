"""Snapshots of any size, in a compacted topic whose records have a limit.

place 0   ■ ■ ■        □ □          the newest records of each key; a crash may come between any two
place 1         ■ ■
"""

from __future__ import annotations

import random

import pytest

from tiltmeter.events.columns import LogRecord
from tiltmeter.processor.snapshot_parts import Snapshot, parts, whole_ones

HOSTILE = "a\x1fb\n{}"


def snapshot(next_offset: int, size: int, model: str = "m", place: int = 0) -> Snapshot:
    state = random.Random(next_offset).randbytes(size)
    return Snapshot(model, place, {"next": next_offset, "alerts": [{"id": "x"}]}, state)


def compacted(written: list[tuple[bytes, bytes]]) -> list[LogRecord]:
    return [LogRecord(i, 0, key, value) for i, (key, value) in enumerate(dict(written).items())]


@pytest.mark.parametrize("size", [0, 1, 999, 1_000, 50_000])
@pytest.mark.parametrize("model", ["m", HOSTILE])
def test_a_snapshot_of_any_size_comes_back_from_parts_within_the_limit(size: int, model: str) -> None:
    before = snapshot(7, size, model)
    written = list(parts(before, part_bytes=1_000))
    assert all(len(value) < 1_100 for _, value in written)
    assert list(whole_ones(compacted(written))) == [before]


def test_wherever_writing_stops_the_last_whole_snapshot_is_there() -> None:
    written: list[tuple[bytes, bytes]] = []
    whole: list[int] = []
    for turn, size in enumerate([5_000, 9_000, 2_000, 7_000, 300]):
        pieces = list(parts(snapshot(turn, size, place=turn % 2), part_bytes=1_000))
        for i, piece in enumerate(pieces):
            written.append(piece)
            if i == len(pieces) - 1:
                whole.append(turn)
            found = [s.about["next"] for s in whole_ones(compacted(written))]
            assert max(found, default=-1) == max(whole, default=-1)


def test_two_models_do_not_meet_and_parts_of_a_longer_snapshot_before_do_no_harm() -> None:
    written = [
        *parts(snapshot(1, 9_000), part_bytes=1_000),
        *parts(snapshot(2, 4_000, "other"), part_bytes=1_000),
        *parts(snapshot(3, 2_000), part_bytes=1_000),
    ]
    found = {s.model: s.about["next"] for s in whole_ones(compacted(written))}
    assert found == {"m": 3, "other": 2}


def test_another_form_is_refused_with_what_to_do() -> None:
    ((key, value),) = parts(snapshot(1, 10))
    strange = LogRecord(0, 0, key, value.replace(b'"form":1', b'"form":9'))
    with pytest.raises(ValueError, match=r"form 9.*empty the snapshots topic"):
        list(whole_ones([strange]))
