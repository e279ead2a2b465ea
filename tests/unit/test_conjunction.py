"""Drift and loss of performance at once, whichever timeline is ahead.

drift        ───┌──────┐──────┌────
performance  ──────┌──────┐───┌────
both         ──────└───┘──────└────
"""

from __future__ import annotations

import itertools
import random

import pytest

from tiltmeter.core.watch.conjunction import Conjunction

DRIFT = [(30, True), (70, False), (140, True)]
LABELS = [(60, True), (100, False), (140, True)]
BOTH = [(60, {"drift": 30, "labels": 60}), (70, {}), (140, {"drift": 140, "labels": 140})]


def test_it_holds_while_both_sides_hold() -> None:
    both = Conjunction("drift", "labels")
    for at, holds in DRIFT:
        both.report("drift", at, holds)
    for at, holds in LABELS:
        both.report("labels", at, holds)
    assert list(both.advance(200)) == BOTH


@pytest.mark.parametrize("seed", range(20))
def test_neither_the_interleaving_nor_a_restart_nor_the_steps_change_the_answer(seed: int) -> None:
    rng = random.Random(seed)
    both = Conjunction("drift", "labels")
    told: list[tuple[int, dict[str, int]]] = []
    left = {"drift": list(DRIFT), "labels": list(LABELS)}
    reached = {"drift": 0, "labels": 0}
    while any(left.values()):
        side = rng.choice([name for name in left if left[name]])
        at, holds = left[side].pop(0)
        both.report(side, at, holds)
        reached[side] = left[side][0][0] - 1 if left[side] else 300
        if rng.random() < 0.7:
            told += both.advance(min(reached.values()))
        restored = Conjunction("drift", "labels")
        restored.restore(both.snapshot())
        both = restored
    assert told + list(both.advance(300)) == BOTH


def test_a_side_that_has_said_nothing_does_not_hold() -> None:
    both = Conjunction("drift", "labels")
    both.report("drift", 10, True)
    assert list(both.advance(10**9)) == []


def test_what_begins_and_ends_at_one_time_together_is_no_change() -> None:
    for order in itertools.permutations([("drift", False), ("labels", True)]):
        both = Conjunction("drift", "labels")
        both.report("drift", 1, True)
        for side, holds in order:
            both.report(side, 5, holds)
        assert list(both.advance(10)) == []
