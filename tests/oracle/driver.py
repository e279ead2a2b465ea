"""Feed a case to a joiner, in random batches, and collect what it says."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from oracle.join import Name
from oracle.streams import Case
from oracle.wire import counters_of, pane_name, plain_pane, waiting_of
from tiltmeter.core.join.decision import Decision, split_header
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore

SIDES = ("predictions", "feedback")


@dataclass
class Told:
    """What a joiner has said in the end, in the oracle's form."""

    panes: dict[Name, dict[str, Any]] = field(default_factory=dict)
    closed: set[Name] = field(default_factory=set)
    counters: Counter[tuple[str, ...]] = field(default_factory=Counter)
    waiting: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    watermarks: dict[str, int] = field(default_factory=dict)


def drive(made: Case, rng: random.Random, most: int = 12, order: tuple[str, ...] = ()) -> Told:
    """All records of both logs in batches of 1 to ``most``; ``order``: one side completely before the other."""
    joiner = Joiner(0, MemoryStore(), made.policy, made.references)
    return tell(joiner, drive_joiner(joiner, made, rng, most, order, confirm=True))


def drive_joiner(
    joiner: Joiner,
    made: Case,
    rng: random.Random,
    most: int = 12,
    order: tuple[str, ...] = (),
    confirm: bool = False,
) -> dict[Name, dict[str, Any]]:
    """As :func:`drive`; the closed panes in wire form."""
    closed: dict[Name, dict[str, Any]] = {}
    log = 0
    while side := next_side(joiner, made, rng, order):
        decision = decide_next(joiner, made, side, rng, most)
        raw = decision.encode()
        if rng.random() < 0.5:  # as a restart would read it
            decision = Decision.decode(*split_header(raw))
        joiner.apply(decision, log)
        log += 1
        collect(joiner, closed)
        if confirm and rng.random() < 0.5:
            joiner.confirm(joiner.watermarks())
    return closed


def next_side(joiner: Joiner, made: Case, rng: random.Random, order: tuple[str, ...] = ()) -> str | None:
    """A side that has records left, None at the end of both."""
    left = [side for side in order or SIDES if records_left(joiner, made, side)]
    return (left[0] if order else rng.choice(left)) if left else None


def records_left(joiner: Joiner, made: Case, side: str) -> list[Any]:
    position = joiner.positions()[side]
    return [record for record in made.log(side) if position is None or record.offset >= position]


def decide_next(joiner: Joiner, made: Case, side: str, rng: random.Random, most: int) -> Decision:
    left = records_left(joiner, made, side)
    records = left[: rng.randint(1, most)]
    position = joiner.positions()[side]
    start = records[0].offset if position is None else position
    # The transport may know of a hole behind the batch or not.
    end = (
        left[len(records)].offset
        if len(left) > len(records) and rng.random() < 0.5
        else records[-1].offset + 1
    )
    decision, rejected = joiner.decide(side, start, end, records)
    assert all(item.offset in {record.offset for record in records} for item in rejected)
    return decision


def collect(joiner: Joiner, closed: dict[Name, dict[str, Any]]) -> None:
    """What the panes topic would get: a pane said again must be the same bytes."""
    for pane in joiner.outbox():
        wire = pane.to_wire()
        assert closed.setdefault(pane_name(wire), wire) == wire, f"said differently: {pane_name(wire)}"


def tell(joiner: Joiner, closed: dict[Name, dict[str, Any]]) -> Told:
    still_open = {pane_name(wire): wire for wire in (pane.to_wire() for pane in joiner.state.open.values())}
    assert not still_open.keys() & closed.keys(), "a closed pane was opened again"
    wires = {**still_open, **closed}
    assert not any(wire["lifted"] for wire in wires.values())
    return Told(
        panes={name: plain_pane(wire) for name, wire in wires.items()},
        closed=set(closed),
        counters=counters_of(joiner),
        waiting=waiting_of(joiner),
        watermarks={name: side.natural_ms for name, side in joiner.state.sides.items()},
    )
