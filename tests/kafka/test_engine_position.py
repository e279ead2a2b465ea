"""The rule that tells a batch lost on the way from a gap in the log, without a broker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tiltmeter.processor.engine.errors import LogWentBackError
from tiltmeter.processor.engine.fetched import Fetched
from tiltmeter.processor.engine.intake import Tail
from tiltmeter.processor.engine.position import BatchLostError, Position


def fetched(epoch: int, number: int, *offsets: int) -> Fetched:
    records: list[Any] = [SimpleNamespace(offset=offset) for offset in offsets]
    return Fetched("t", 0, epoch, number, records)


@pytest.fixture
def position() -> Position:
    position = Position("t", 0, 10)
    position.sought(epoch=3)
    return position


def test_batches_that_follow_on_cover_the_offsets_between_them(position: Position) -> None:
    first = position.admit(fetched(3, 0, 10, 11))
    second = position.admit(fetched(3, 1, 14, 15))  # 12 and 13 are control records, or compacted
    assert first is not None
    assert second is not None
    assert [(b.start, b.end) for b in (first, second)] == [(10, 12), (12, 16)]


def test_a_batch_fetched_before_the_last_seek_is_dropped(position: Position) -> None:
    assert position.admit(fetched(2, 7, 10, 11)) is None
    assert position.next_offset == 10


def test_a_missing_number_is_a_lost_batch_even_if_offsets_could_be_a_gap(position: Position) -> None:
    position.admit(fetched(3, 0, 10, 11))
    with pytest.raises(BatchLostError):
        position.admit(fetched(3, 2, 14))
    position.sought(epoch=4)
    again = position.admit(fetched(4, 0, 12, 13))
    assert again is not None
    assert again.start == 12


def test_a_fetch_that_starts_lower_than_the_seek_is_a_log_that_went_back(position: Position) -> None:
    with pytest.raises(LogWentBackError, match="contains everything below 10"):
        position.admit(fetched(3, 0, 0, 1))


def test_caught_up_needs_all_that_was_fetched(position: Position) -> None:
    assert position.caught_up(Tail(end=10, fetched_to=10, epoch=3, number=0))
    assert not position.caught_up(Tail(end=11, fetched_to=10, epoch=3, number=0))
    assert not position.caught_up(Tail(end=12, fetched_to=12, epoch=3, number=1))
    assert not position.caught_up(Tail(end=10, fetched_to=10, epoch=4, number=0))
