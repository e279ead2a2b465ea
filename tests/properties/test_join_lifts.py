"""A lifted watermark may move things between panes. Every pane it may have touched says so; the others are what a
replay without the lift gives, to the byte.

Time buckets are so wide here that a lift moves nothing between them (docs/semantics.md, 5).
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from typing import Any

import pytest

from oracle.driver import decide_next, drive_joiner, next_side
from oracle.join import Name
from oracle.streams import START, Case, case
from oracle.wire import pane_name
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore

CASES = int(os.environ.get("TILTMETER_FUZZ_CASES", "300"))
FROM = int(os.environ.get("TILTMETER_FUZZ_FROM", "0"))
seeds = pytest.mark.parametrize("seed", range(FROM, FROM + max(CASES // 3, 1)))


def wide(seed: int) -> Case:
    made = case(seed)
    made.policy = replace(made.policy, retention_ms=8 * 10**13, dedup_ms=0)
    return made


def lifted_run(made: Case, rng: random.Random) -> tuple[Joiner, list[bytes], dict[Name, dict[str, Any]]]:
    """The joiner at the end, its log, and its closed panes."""
    joiner = Joiner(0, MemoryStore(), made.policy, made.references)
    log: list[bytes] = []
    closed: dict[Name, dict[str, Any]] = {}
    latest = START
    while side := next_side(joiner, made, rng):
        decision = decide_next(joiner, made, side, rng, 12)
        if rng.random() < 0.3:
            other = rng.choice(["predictions", "feedback"])
            latest = max(latest, *(s.watermark_ms for s in joiner.state.sides.values()))
            decision = joiner.decide_lift(other, latest + rng.randint(-5_000, 20_000))
        log.append(decision.encode())
        joiner.apply(decision, len(log) - 1)
        for pane in joiner.outbox():
            wire = pane.to_wire()
            assert closed.setdefault(pane_name(wire), wire) == wire, "closed twice, differently"
        if rng.random() < 0.5:
            joiner.confirm(joiner.watermarks())
    return joiner, log, closed


@seeds
def test_a_pane_that_no_lift_has_touched_is_what_a_replay_without_lifts_gives(seed: int) -> None:
    made = wide(seed)
    _, _, closed = lifted_run(made, random.Random(seed))
    replayed = Joiner(0, MemoryStore(), made.policy, made.references)
    natural = drive_joiner(replayed, made, random.Random(seed))
    natural.update((pane_name(pane.to_wire()), pane.to_wire()) for pane in replayed.state.open.values())
    for name, wire in closed.items():
        if not wire["lifted"]:
            assert wire == natural[name]


@seeds
def test_a_replay_of_the_join_log_repeats_its_lifts(seed: int) -> None:
    made = case(seed)
    joiner, log, _ = lifted_run(made, random.Random(seed))
    again = Joiner(0, MemoryStore(), made.policy, made.references)
    for offset, raw in enumerate(log):
        again.restore(raw, offset)
    assert again.state.sides == joiner.state.sides
    assert again.state.to_wire()["open"] == joiner.state.to_wire()["open"]


def test_lifts_do_close_panes_and_some_panes_stay_untouched() -> None:
    panes = [wire for seed in range(20) for wire in lifted_run(wide(seed), random.Random(seed))[2].values()]
    assert sum(wire["lifted"] for wire in panes) > 50
    assert sum(not wire["lifted"] for wire in panes) > 50
