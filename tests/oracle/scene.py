"""What four source partitions say about a model that drifts and errs for a while, and recovers."""

from __future__ import annotations

import json
import random
from functools import cache

import numpy as np

from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message, watermark_message
from tiltmeter.core.policy import JoinPolicy, ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.columns import LogRecord

START, PANE_MS, PANES = 1_700_000_000_000, 10_000, 70
PARTITIONS = 4
EVENTS = 60  # per partition and pane
BAD = range(20, 35)  # panes in which the model is not well
POLICY = ModelPolicy(
    pane_ms=PANE_MS,
    windows={"short": 4, "long": 100},
    maturities=(60_000, 300_000),
    tolerances=Tolerances(clear_panes=2, min_samples=10, learning_panes=6),
)
DELAY_MS = 1_000


@cache
def references() -> ReferenceBook:
    rng = np.random.default_rng(1)
    x = rng.normal(size=4000)
    labels = (x > 0).astype(int)
    features = {"x": x, "c": rng.choice(["a", "b"], size=4000).tolist()}
    predictions = np.where(rng.random(4000) < 0.05, 1 - labels, labels)
    return ReferenceBook(
        [build_reference(features, model="m", version="1", predictions=predictions, labels=labels)]
    )


def watcher() -> Watcher:
    return Watcher("m", POLICY, DELAY_MS, references())


@cache
def messages(partition: int) -> tuple[bytes, ...]:
    """Of one source partition, in the order of the panes topic. The last watermark closes everything."""
    rng = random.Random(partition)
    policy = JoinPolicy(delay_ms=DELAY_MS, default=POLICY)
    joiner = Joiner(partition, MemoryStore(), policy, references())
    said: list[bytes] = []
    for pane in range(PANES):
        end = pane == PANES - 1
        for side, records in _events(rng, partition, pane, end).items():
            first = joiner.positions()[side] or 0
            placed = [LogRecord(first + i, at, None, value) for i, (at, value) in enumerate(records)]
            decision, rejected = joiner.decide(side, first, first + len(placed), placed)
            assert not rejected
            joiner.apply(decision, joiner.state.log_next)
        said.extend(pane_message(closed, partition, 0) for closed in joiner.outbox())
        joiner.confirm(joiner.watermarks())
        said.append(watermark_message(partition, PARTITIONS, 0, joiner.watermarks()))
    return tuple(said)


def _events(rng: random.Random, partition: int, pane: int, end: bool) -> dict[str, list[tuple[int, bytes]]]:
    bad = pane in BAD
    made: dict[str, list[tuple[int, bytes]]] = {"predictions": [], "feedback": []}
    for i in range(EVENTS):
        at = START + pane * PANE_MS + i * PANE_MS // EVENTS
        x = rng.gauss(1.5 if bad else 0, 1)
        said = int(x > 0)
        actual = 1 - said if rng.random() < (0.4 if bad else 0.05) else said
        name = f"{partition}-{pane}-{i}"
        event = {
            "prediction_id": name,
            "model": "m",
            "version": "2" if i % 10 == 0 else "1",
            "at": at,
            "features": {"x": x, "c": rng.choice("ab")},
            "prediction": said,
            "score": rng.random(),
        }
        made["predictions"].append((at, json.dumps(event).encode()))
        for label in (actual, 1 - actual)[: 1 + (rng.random() < 0.05)]:  # some are corrected
            label_event = {"prediction_id": name, "at": at, "label": label}
            made["feedback"].append((at, json.dumps(label_event).encode()))
    if end:
        last = START + PANES * PANE_MS + DELAY_MS
        ending = {"prediction_id": "end", "model": "end", "at": last, "prediction": 0, "label": 0}
        for side, events in made.items():
            events.append((last, json.dumps({**ending, "prediction_id": f"end {side}"}).encode()))
    return made


def interleaved(rng: random.Random, queues: list[list[bytes]]) -> list[bytes]:
    """One order in which a reader of the panes topic may see what several producers wrote in theirs."""
    left, order = [list(reversed(queue)) for queue in queues], []
    while any(left):
        order.append(rng.choice([queue for queue in left if queue]).pop())
    return order
