"""A window's total is the sum over the panes it covers, whatever came before."""

from __future__ import annotations

import random

import pytest

from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.windows import SLOTS, Window

WIDTH = 10


def outcomes(n: int, wrong: int = 0) -> Outcomes:
    return Outcomes(n, 2 * n, {("1", "1"): n - wrong, ("1", "0"): wrong} if wrong else {("1", "1"): n})


def window(panes: int) -> Window[Outcomes]:
    return Window(panes, WIDTH, Outcomes)


def summed(parts: list[Outcomes]) -> Outcomes:
    total = Outcomes()
    for part in parts:
        total.add(part)
    return total


@pytest.mark.parametrize("panes", [1, 2, 7, SLOTS])
def test_a_short_window_covers_exactly_its_panes(panes: int) -> None:
    rng, ring, added = random.Random(panes), window(panes), dict[int, Outcomes]()
    now = 1_000_000
    for _ in range(300):
        now += rng.choice([1, 1, 1, 2, 5, 100])
        added[now] = outcomes(rng.randint(1, 9), rng.randint(0, 1))
        ring.add(now * WIDTH, added[now])
        assert ring.total == summed([amount for at, amount in added.items() if now - panes < at <= now])


@pytest.mark.parametrize("panes", [SLOTS + 1, 100, 360, 1000])
def test_a_long_window_slides_by_a_slot_and_covers_its_panes_to_within_one_slot(panes: int) -> None:
    per_slot = -(-panes // SLOTS)
    rng, ring, added = random.Random(panes), window(panes), dict[int, Outcomes]()
    now = 1_000_000
    for _ in range(2 * panes):
        now += rng.choice([1, 1, 2])
        added[now] = outcomes(rng.randint(1, 9))
        ring.add(now * WIDTH, added[now])
        slots = -(-panes // per_slot)
        oldest = (now // per_slot - slots + 1) * per_slot
        assert ring.total == summed([amount for at, amount in added.items() if at >= oldest])
        assert panes - per_slot < now - oldest + 1 < panes + per_slot
        assert len(ring.snapshot()) <= SLOTS


def test_a_correction_reaches_the_pane_that_counted_the_label_while_the_window_covers_it() -> None:
    r"""The window has 3 panes; x is corrected twice.

    pane     1   2   3   4   5
    window   └───x───┘           x changes the total
                 └───x───┘       leaves with its correction
    """
    ring = window(3)
    for pane in (1, 2, 3):
        ring.add(pane * WIDTH, outcomes(10, wrong=2))
    change = Outcomes(0, 0, {("1", "0"): -1, ("1", "1"): 1})
    assert ring.amend(2 * WIDTH, change)
    assert ring.total.correct == 25
    ring.add(5 * WIDTH, outcomes(10))
    assert ring.total == summed([outcomes(10, wrong=2), outcomes(10)])
    assert not ring.amend(2 * WIDTH, change)
    assert ring.total == summed([outcomes(10, wrong=2), outcomes(10)])


def test_amending_equals_having_added_the_amended_pane() -> None:
    rng = random.Random(7)
    for _ in range(50):
        amended, right = window(20), window(20)
        corrections: dict[int, Outcomes] = {}
        for pane in range(60):
            wrong = rng.randint(0, 5)
            corrections[pane] = Outcomes(0, 0, {("1", "0"): -wrong, ("1", "1"): wrong} if wrong else {})
            amended.add(pane * WIDTH, outcomes(10, wrong))
            right.add(pane * WIDTH, outcomes(10))
        for pane, change in corrections.items():
            assert amended.amend(pane * WIDTH, change) == (pane > 39)
        assert amended.total == right.total


def test_a_window_without_new_panes_stays_as_it_is_until_it_slides() -> None:
    ring = window(5)
    ring.add(100 * WIDTH, outcomes(3))
    ring.slide(104 * WIDTH)
    assert ring.total.n == 3
    ring.slide(105 * WIDTH)
    assert ring.total == Outcomes()


def test_a_restored_window_goes_on_as_if_nothing_had_happened() -> None:
    for panes in (3, 100):
        ring, again = window(panes), window(panes)
        for pane in range(150):
            ring.add(pane * WIDTH, outcomes(pane % 4, wrong=pane % 2))
        again.restore(ring.snapshot(), Outcomes.from_wire)
        for pane in range(150, 400):
            assert again.total == ring.total
            for one in (ring, again):
                one.add(pane * WIDTH, outcomes(pane % 5))
        assert again.snapshot() == ring.snapshot()


def test_a_window_of_no_panes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one pane"):
        window(0)


@pytest.mark.parametrize("before", [3, 60, 200])
@pytest.mark.parametrize("after", [3, 60, 200])
def test_a_snapshot_is_taken_up_by_a_window_of_another_length(before: int, after: int) -> None:
    old, new, fresh = window(before), window(after), window(after)
    for number in range(400):
        old.add(number * WIDTH, outcomes(number + 1))
    new.restore(old.snapshot(), Outcomes.from_wire)
    if before == after:
        assert new.snapshot() == old.snapshot()
    if after <= before:
        assert 0 < new.total.n <= old.total.n
    else:
        assert new.total == old.total
    for number in range(400, 1000):
        for ring in (new, fresh):
            ring.add(number * WIDTH, outcomes(number + 1))
    assert new.snapshot() == fresh.snapshot()
    assert new.total == fresh.total
