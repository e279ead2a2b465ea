"""Panes in the store: what was added, put together from time to time, gone when confirmed."""

from __future__ import annotations

import random

import orjson
import pytest

from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.join.pending_store import StoreWrite
from tiltmeter.core.join.stored_panes import MOST_PARTS, Entries, StoredPanes
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.pane import Pane, PaneId, pane_id
from tiltmeter.core.panes.prediction_pane import PredictionPane

#: Names of models are anybody's.
MODELS = ("m", 'a"]:7', "pane:", "ä\x00]")


def part(rng: random.Random, model: str, start_ms: int) -> Pane:
    key = PaneKey(start_ms, 10_000, model, "1", "")
    if rng.random() < 0.4:
        label = LabelPane(key, lifted=rng.random() < 0.1)
        label.cells[(0, rng.randint(0, 2))] = Outcomes(1, 1, {("0", "1"): 1})
        label.feedback["matched"] = 1
        return label
    pane = PredictionPane(key, "ref-1", events=3, weight=3, lifted=rng.random() < 0.1)
    places = [rng.randint(0, 19) for _ in range(3)]
    pane.features["x"] = FeatureCounts.of_places([3, 0, 0, 0, 0, 0], 20, places)
    return pane


def plain(panes: dict[PaneId, Pane]) -> dict[PaneId, bytes]:
    return {identity: orjson.dumps(pane.to_wire()) for identity, pane in panes.items()}


@pytest.mark.parametrize("seed", range(8))
def test_after_every_write_a_restart_finds_the_panes_as_they_were(seed: int) -> None:
    rng = random.Random(seed)
    store, kept = MemoryStore(), StoredPanes()
    is_open: dict[PaneId, Pane] = {}
    closed: dict[PaneId, Pane] = {}
    for turn in range(150):
        entries: Entries = {}
        for _ in range(rng.randint(0, 6)):
            pane = part(rng, rng.choice(MODELS), turn // 40 * 10_000)
            identity, raw = pane_id(pane), orjson.dumps(pane.to_wire())
            whole = is_open.setdefault(identity, pane)
            if whole is not pane:
                whole.add(pane)  # type: ignore[arg-type]  # same id, same kind
            kept.add(entries, identity, raw, whole)
        for identity in [i for i in is_open if i[1].start_ms < turn // 40 * 10_000 and rng.random() < 0.3]:
            closed[identity] = is_open.pop(identity)
            closed[identity].lifted = closed[identity].lifted or rng.random() < 0.3
            kept.close(entries, closed[identity])
        for identity in [i for i in closed if rng.random() < 0.2]:
            del closed[identity]
            kept.drop(entries, identity)
        store.write(StoreWrite(meta=entries))
        restarted = StoredPanes()
        found = restarted.load(store.meta())
        assert tuple(map(plain, found)) == (plain(is_open), plain(closed))
        assert len(store.meta()) <= (MOST_PARTS + 2) * (len(is_open) + len(closed))
        if rng.random() < 0.2:
            kept, (is_open, closed) = restarted, found
    entries = {}
    for identity in (*is_open, *closed):
        kept.drop(entries, identity)
    store.write(StoreWrite(meta=entries))
    assert store.meta() == {}


def test_many_parts_are_put_together_so_that_the_entries_of_a_pane_are_bounded() -> None:
    rng, kept, store = random.Random(1), StoredPanes(), MemoryStore()
    whole = PredictionPane(PaneKey(0, 10_000, "m", "1", ""), "ref-1")
    most = 0
    for _ in range(5 * MOST_PARTS):
        whole.events += (added := PredictionPane(whole.key, "ref-1", events=rng.randint(1, 9))).events
        entries: Entries = {}
        kept.add(entries, pane_id(whole), orjson.dumps(added.to_wire()), whole)
        store.write(StoreWrite(meta=entries))
        most = max(most, len(store.meta()))
        ((found,), nothing) = (panes.values() for panes in StoredPanes().load(store.meta()))
        assert orjson.dumps(found.to_wire()) == orjson.dumps(whole.to_wire())
        assert not nothing
    assert most == MOST_PARTS + 1


def test_entries_of_before_there_were_parts_are_read() -> None:
    rng = random.Random(2)
    panes = {pane_id(p): p for p in (part(rng, model, start) for model in MODELS for start in (0, 10_000))}
    done = set(list(panes)[::2])
    meta = {
        b"pane:" + orjson.dumps([i[0], *i[1]]): orjson.dumps({**pane.to_wire(), "closed": i in done})
        for i, pane in panes.items()
    }
    is_open, closed = StoredPanes().load(meta)
    assert set(closed) == done
    assert plain({**is_open, **closed}) == plain(panes)
