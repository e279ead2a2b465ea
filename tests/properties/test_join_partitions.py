"""How many partitions share the events does not show in the merged panes.

To the byte where event times come in log order. Where they do not, each partition has a watermark of its own, and
two things follow it: what is late, and when a label was known, so in which label pane it counts.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from zlib import crc32

import pytest

from oracle.driver import drive_joiner, tell
from oracle.label_panes import add, empty
from oracle.streams import START, Case, case, learning
from oracle.wire import plain_pane
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message, read_message, watermark_message
from tiltmeter.core.policy import DAY
from tiltmeter.core.watch.pane_merge import PaneMerge
from tiltmeter.events.columns import LogRecord

CASES = int(os.environ.get("TILTMETER_FUZZ_CASES", "300"))
FROM = int(os.environ.get("TILTMETER_FUZZ_FROM", "0"))
MOST = 16
END = START + 60_000 * DAY
#: Everything in one time bucket, nothing late.
PATIENT = {"delay_ms": 30_000 * DAY, "retention_ms": 8 * 10**13, "dedup_ms": 0, "corrections_ms": 10**13}


def partition_of(name: str, partitions: int) -> int:
    return crc32(name.encode()) % partitions


#: One id for each of the 16 partitions, and so for each of 4 and of 1.
LAST_IDS = [next(f"last-{i}" for i in count() if partition_of(f"last-{i}", MOST) == p) for p in range(MOST)]


@dataclass
class Merged:
    panes: list[bytes] = field(default_factory=list)
    wires: list[dict[str, Any]] = field(default_factory=list)
    counters: Counter[tuple[str, ...]] = field(default_factory=Counter)
    waiting: Counter[tuple[Any, ...]] = field(default_factory=Counter)


def merged_over(made: Case, partitions: int, rng: random.Random) -> Merged:
    merge, result = PaneMerge(made.policy.delay_ms), Merged()
    messages: list[list[bytes]] = []
    for partition in range(partitions):
        part = replace(made, predictions=share(made, "predictions", partition, partitions))
        part.feedback = share(made, "feedback", partition, partitions)
        joiner = Joiner(partition, MemoryStore(), made.policy, made.references)
        closed = drive_joiner(joiner, part, rng)
        told = tell(joiner, closed)
        result.counters += told.counters
        result.waiting += told.waiting
        said = [pane_message(pane, partition, 0) for pane in joiner.outbox()]
        messages.append([*said, watermark_message(partition, partitions, 0, joiner.watermarks())])
    while left := [queue for queue in messages if queue]:
        message = read_message(rng.choice(left).pop(0))
        (merge.on_watermark if "pane" not in message else merge.on_pane)(message)
    result.wires = sorted(
        (pane.to_wire() for pane in merge.ready()),
        key=lambda wire: (wire["kind"], wire["start"], wire["model"], wire["version"]),
    )
    result.panes = [json.dumps(wire, sort_keys=True).encode() for wire in result.wires]
    assert merge.counters.conflicting == merge.counters.stray == 0
    return result


def share(made: Case, side: str, partition: int, partitions: int) -> list[LogRecord]:
    """The partition's records, then one that brings its watermark to the same end as all others."""
    mine = [r for r in made.log(side) if partition_of(id_of(r), partitions) == partition]
    for name in LAST_IDS:
        if partition_of(name, partitions) == partition:
            event = {"prediction_id": name + side, "model": "last", "at": END, "prediction": 1, "label": 1}
            mine.append(LogRecord(10**9 + len(mine), END, None, json.dumps(event).encode()))
    return mine


def id_of(record: LogRecord) -> str:
    try:
        return str(json.loads(record.value or b"")["prediction_id"])
    except (ValueError, KeyError, TypeError):
        return repr(record.value)


@pytest.mark.parametrize("seed", range(FROM, FROM + max(CASES // 10, 1)))
def test_one_four_and_sixteen_partitions_merge_to_the_same_bytes(seed: int) -> None:
    made = learning(case(seed, calm=True)) if seed % 2 else case(seed, calm=True)
    one = merged_over(made, 1, random.Random(seed))
    for partitions in (4, MOST):
        several = merged_over(made, partitions, random.Random(seed))
        assert several.panes == one.panes
        assert several.counters == one.counters
        assert several.waiting == one.waiting


@pytest.mark.parametrize("seed", range(FROM, FROM + max(CASES // 10, 1)))
def test_out_of_order_events_change_which_label_pane_counts_but_nothing_else(seed: int) -> None:
    made = case(seed)
    made.policy = replace(made.policy, **PATIENT)
    one = merged_over(made, 1, random.Random(seed))
    for partitions in (4, MOST):
        several = merged_over(made, partitions, random.Random(seed))
        assert several.counters == one.counters
        assert prediction_panes(several) == prediction_panes(one)
        assert all_labels(several) == all_labels(one)


def prediction_panes(merged: Merged) -> list[bytes]:
    return [raw for raw, wire in zip(merged.panes, merged.wires, strict=True) if wire["kind"] == "prediction"]


def all_labels(merged: Merged) -> dict[tuple[str, str], Any]:
    """Outcomes and feedback by version, whatever the pane."""
    totals: dict[tuple[str, str], Any] = {}
    for wire in merged.wires:
        if wire["kind"] == "label":
            pane = plain_pane(wire)
            outcomes, feedback = totals.setdefault((wire["model"], wire["version"]), (empty(), Counter()))
            feedback.update(pane["feedback"])
            for part in (*pane["cells"].values(), *pane["corrections"].values()):
                add(outcomes, part)
    for outcomes, _ in totals.values():
        for name in ("confusion", "counts"):
            outcomes[name] = {place: n for place, n in outcomes[name].items() if n}
    return totals
