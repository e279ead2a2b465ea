"""A crash between any two steps of the commit order loses and repeats nothing; neither does a zombie."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from oracle.driver import drive
from oracle.streams import case
from oracle.takeover import Takeovers
from oracle.wire import pane_name
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore

CASES = int(os.environ.get("TILTMETER_FUZZ_CASES", "300"))
FROM = int(os.environ.get("TILTMETER_FUZZ_FROM", "0"))
BLOCK = 25
blocks = pytest.mark.parametrize("first", range(FROM, FROM + max(CASES // 3, BLOCK), BLOCK))


def interrupted(seed: int) -> Takeovers:
    return Takeovers(case(seed, size=30), random.Random(seed))


@blocks
def test_a_run_with_crashes_ends_as_one_without(first: int) -> None:
    for seed in range(first, first + BLOCK):
        world = interrupted(seed)
        assert world.run() == drive(case(seed, size=30), random.Random(seed)), f"seed {seed}"


@blocks
def test_the_panes_topic_gives_every_closed_pane_once_although_zombies_write_to_it(first: int) -> None:
    for seed in range(first, first + BLOCK):
        world = interrupted(seed)
        told = world.run()
        assert world.merge.counters.conflicting == world.merge.counters.stray == 0, f"seed {seed}"
        assert not world.merge.waiting
        assert {pane_name(wire): wire for wire in world.merged} == world.sent
        assert len(world.merged) == len(told.closed)


@blocks
def test_a_lost_disk_comes_back_from_the_log_with_the_same_rows(first: int) -> None:
    for seed in range(first, first + BLOCK):
        world = interrupted(seed)
        world.run()
        assert everything(world.from_the_log()) == everything(world.owner), f"seed {seed}"
        restarted = Joiner(0, world.store, world.made.policy, world.made.references)
        assert everything(restarted) == everything(world.owner), f"seed {seed}"
        assert restarted.state.outbox.keys() == world.owner.state.outbox.keys()


def test_the_cases_do_crash_and_zombies_do_write() -> None:
    worlds = [interrupted(seed) for seed in range(20)]
    for world in worlds:
        world.run()
    assert sum(world.crashes for world in worlds) > 20
    assert sum(world.void for world in worlds) > 5
    assert sum(world.merge.counters.copies for world in worlds) > 5


def everything(joiner: Joiner) -> tuple[dict[str, Any], list[Any]]:
    """State and rows, but for what the panes topic has confirmed (a log learns that one batch later) and how
    many void records were read."""
    wire = joiner.state.to_wire()
    del wire["confirmed"], wire["outbox"], wire["log_next"]
    wire["open"].sort(key=pane_name)
    store = joiner._store
    assert isinstance(store, MemoryStore)
    return wire, [(bucket, list(store.scan(bucket))) for bucket in store.buckets()]
