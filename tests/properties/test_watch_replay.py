"""WATCH is a fold over the panes topic: the same alerts, however often and in whatever pieces it is read.

partition 0  ▮▮▮▯▮▮▯ …        ▮ pane   ▯ watermark
partition 1    ▮▯▮▮▮▯ …       any interleaving, any batch cut, any restart
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import orjson
import pytest

from oracle.scene import PANE_MS, PARTITIONS, START, interleaved, messages, watcher
from tiltmeter.core.panes.messages import PANE, read_message, watermark_message
from tiltmeter.core.watch.watcher import Watcher

Alerts = list[dict[str, Any]]
Panes = list[dict[str, Any]]
seeds = pytest.mark.parametrize("seed", range(4))


def fold(seen: Watcher, order: list[bytes], rng: random.Random | None = None) -> tuple[Panes, Alerts]:
    """Read ``order``; ``rng``: ask for what is ready only now and then."""
    panes: Panes = []
    alerts: Alerts = []
    for place, raw in enumerate(order):
        seen.on_message(read_message(raw))
        if rng is None or rng.random() < 0.1 or place == len(order) - 1:
            for book, more in zip((panes, alerts), seen.advance(), strict=True):
                book.extend(more)
    return panes, alerts


def shuffled(seed: int, partitions: int = PARTITIONS) -> list[bytes]:
    return interleaved(random.Random(seed), [list(messages(p)) for p in range(partitions)])


@cache
def uninterrupted(seed: int) -> tuple[Panes, Alerts, bytes]:
    seen = watcher()
    return *fold(seen, shuffled(seed)), seen.snapshot()


def by_name(items: list[dict[str, Any]]) -> list[bytes]:
    return sorted(orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in items)


def test_the_scene_fires_and_resolves_alerts_of_every_kind() -> None:
    _, alerts, _ = uninterrupted(0)
    transitions = {(alert["kind"], alert["transition"]) for alert in alerts}
    kinds = ("feature_drift", "prediction_drift", "performance", "adwin_gate", "drift_and_performance")
    assert transitions == {(kind, way) for kind in kinds for way in ("firing", "resolved")}


@seeds
def test_a_restart_from_a_snapshot_at_any_message_goes_on_as_if_nothing_had_happened(seed: int) -> None:
    order = shuffled(seed)
    panes, alerts, end = uninterrupted(seed)
    rng = random.Random(seed)
    for cut in sorted(rng.sample(range(len(order) + 1), 8)):
        first = watcher()
        early = fold(first, order[:cut])
        snapshot = first.snapshot()
        second = watcher()
        second.restore(snapshot)
        assert second.snapshot() == snapshot
        late = fold(second, order[cut:])
        assert (early[0] + late[0], early[1] + late[1]) == (panes, alerts)
        assert second.snapshot() == end


@seeds
def test_a_restart_after_every_single_message_changes_nothing(seed: int) -> None:
    order = shuffled(seed)[:120]
    seen, plain = watcher(), watcher()
    for raw in order:
        successor = watcher()
        successor.restore(seen.snapshot())
        seen = successor
        seen.on_message(read_message(raw))
        plain.on_message(read_message(raw))
        assert seen.advance() == plain.advance()
    assert seen.snapshot() == plain.snapshot()


def test_a_snapshot_between_reading_and_judging_keeps_what_is_ready() -> None:
    order = shuffled(0)
    first, second = watcher(), watcher()
    for raw in order:
        first.on_message(read_message(raw))
    second.restore(first.snapshot())
    assert by_name(second.advance()[1]) == by_name(uninterrupted(0)[1])


@seeds
def test_how_messages_come_in_batches_does_not_matter(seed: int) -> None:
    seen = watcher()
    panes, alerts = fold(seen, shuffled(seed), random.Random(seed))
    assert (panes, alerts, seen.snapshot()) == uninterrupted(seed)


@seeds
def test_the_order_in_which_source_partitions_arrive_does_not_matter(seed: int) -> None:
    panes, alerts, end = uninterrupted(seed + 1)
    first_panes, first_alerts, first_end = uninterrupted(0)
    assert by_name(panes) == by_name(first_panes)
    assert by_name(alerts) == by_name(first_alerts)
    assert end == first_end


@seeds
def test_copies_of_panes_and_watermarks_change_nothing_but_their_counter(seed: int) -> None:
    rng, order = random.Random(seed), shuffled(seed)
    repeated: list[bytes] = []
    copies = 0
    for place, raw in enumerate(order):
        repeated.append(raw)
        if rng.random() < 0.3:
            again = order[rng.randint(max(0, place - 200), place)]
            repeated.append(again)
            copies += read_message(again)["type"] == PANE
    seen = watcher()
    panes, alerts = fold(seen, repeated)
    assert (panes, alerts) == uninterrupted(seed)[:2]
    assert seen.merge.counters.copies == copies
    seen.merge.counters.copies = 0
    assert seen.snapshot() == uninterrupted(seed)[2]


@seeds
def test_what_a_zombie_says_after_a_takeover_is_void(seed: int) -> None:
    """Partition 0: epoch 0 until a takeover, epoch 1 after it; the zombie's messages come behind by as many."""
    rng, own = random.Random(seed), list(messages(0))
    cut = rng.randint(10, len(own) - 20)
    heir = [reissued(raw, epoch=1) for raw in own[cut:]]
    zombie = [spoiled(raw) for raw in own[cut : cut + 20]]
    mixed = [
        *own[:cut],
        heir[0],
        *(raw for pair in zip(heir[1:21], zombie, strict=True) for raw in pair),
        *heir[21:],
    ]
    order = interleaved(rng, [mixed, *(list(messages(p)) for p in range(1, PARTITIONS))])
    seen = watcher()
    panes, alerts = fold(seen, order)
    assert by_name(panes) == by_name(uninterrupted(seed)[0])
    assert by_name(alerts) == by_name(uninterrupted(seed)[1])
    assert seen.merge.counters.void == len(zombie)
    assert seen.merge.counters.conflicting == seen.merge.counters.stray == 0


def test_a_pane_of_a_new_owner_takes_the_place_of_a_zombie_s_while_it_waits() -> None:
    own = [raw for raw in messages(0) if read_message(raw)["type"] == PANE]
    seen = watcher()
    seen.on_message(read_message(spoiled(own[0])))
    seen.on_message(read_message(reissued(own[0], epoch=1)))
    seen.on_message(read_message(spoiled(own[0])))
    assert [part[:2] for parts in seen.merge.waiting.values() for part in parts.values()] == [
        (1, read_message(own[0])["pane"])
    ]
    assert seen.merge.counters.void == 2
    assert seen.merge.counters.conflicting == 0


def test_a_pane_that_differs_from_its_copy_is_counted_and_left() -> None:
    own = next(raw for raw in messages(0) if read_message(raw)["type"] == PANE)
    seen = watcher()
    seen.on_message(read_message(own))
    seen.on_message(read_message(spoiled(own)))
    assert seen.merge.counters.conflicting == 1
    assert [pane for parts in seen.merge.waiting.values() for _, pane, _ in parts.values()] == [
        read_message(own)["pane"]
    ]


def test_a_partition_that_has_never_seen_an_event_holds_nobody_up_and_the_panes_say_so() -> None:
    idle = watermark_message(3, PARTITIONS, 0, {"prediction": -(1 << 62), "label": -(1 << 62)}, idle=True)
    seen = watcher()
    panes, alerts = fold(seen, [idle, *shuffled(0, partitions=3)])
    assert len(panes) > 200
    assert all(pane["lifted"] for pane in panes)
    assert {alert["kind"] for alert in alerts} >= {"feature_drift", "performance"}


def test_a_partition_that_wakes_up_late_reopens_nothing() -> None:
    """Its old panes are strays, also when their turn has been long; new ones count again."""
    idle = watermark_message(3, PARTITIONS, 0, {"prediction": -(1 << 62), "label": -(1 << 62)}, idle=True)
    middle = START + 40 * PANE_MS
    until = [raw for raw in shuffled(0, partitions=3) if end_of(raw) <= middle]
    after = [raw for raw in shuffled(0, partitions=3) if end_of(raw) > middle]
    seen = watcher()
    early, _ = fold(seen, [idle, *until])
    late, _ = fold(seen, interleaved(random.Random(0), [list(messages(3)), after]))
    assert max(pane["start"] for pane in early) < min(pane["start"] for pane in late)
    assert seen.merge.counters.stray > 50
    assert not late[-1]["lifted"]
    names = [(pane["kind"], pane["version"], pane["start"]) for pane in early + late]
    assert len(set(names)) == len(names)


def end_of(raw: bytes) -> int:
    message = read_message(raw)
    pane = message.get("pane")
    return pane["start"] + pane["width"] if pane else min(message["prediction"], message["label"])


def reissued(raw: bytes, epoch: int) -> bytes:
    return orjson.dumps({**read_message(raw), "epoch": epoch})


def spoiled(raw: bytes) -> bytes:
    """The same message with content that would be noticed."""
    message = read_message(raw)
    if message["type"] == PANE:
        message["pane"]["lifted"] = not message["pane"]["lifted"]
    else:
        message["prediction"] = message["label"] = 1 << 60
    return orjson.dumps(message)
