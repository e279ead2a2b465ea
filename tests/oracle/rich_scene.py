"""What two source partitions say about a model of which everything is watched at once.

version 1     ──── reference A ────┊──── reference B ────   drifts, comes apart and errs for a while
version 2     ── learns its first ──┊── is compared with it
version 3     ████                 gone ┊ ████               labels of its first life come late

Each in two segments and as a whole; scores of a binary model; labels that come late, twice, or to late predictions.
"""

from __future__ import annotations

import json
import math
import random
from functools import cache

import numpy as np

from tiltmeter.core.expectations import Expectation
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message, read_message, watermark_message
from tiltmeter.core.policy import JoinPolicy, ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.columns import LogRecord

START, PANE_MS, PANES, PARTITIONS = 1_700_000_040_000, 10_000, 80, 2
EVENTS = 60  # per partition and pane
BAD = range(22, 40)
CHANGED = START + 50 * PANE_MS  # from then on reference B is in force
LAG = 4  # panes by which feedback is read later than predictions, if nobody says otherwise
GONE, BACK = 8, 30  # version 3: its first life ends, its second one begins
DELAY_MS = 1_000


def policy(labels: str) -> ModelPolicy:
    return ModelPolicy(
        pane_ms=PANE_MS,
        windows={"short": 4, "long": 11},
        maturities=(60_000, 300_000),
        mmd_share=0.5,
        labels=labels,
        from_first=400,
        silent_panes=11,
        forget_ms=205_000,
        expectations={"x": Expectation(minimum=-4.0, required=True)},
        segments={"country": ("DE",)},
        tolerances=Tolerances(clear_panes=2, min_samples=10, learning_panes=6),
    )


@cache
def _built() -> tuple[ReferenceProfile, ...]:
    found = []
    for number, (starts, segment) in enumerate(
        (at, name) for at in (0, CHANGED) for name in ("", "country=DE", "country=(other)")
    ):
        rng = np.random.default_rng(number)
        x = rng.normal(size=20_000)
        y = 0.8 * x + 0.6 * rng.normal(size=x.size)
        score = 1 / (1 + np.exp(-3 * x))
        columns = {"x": x, "y": y, "c": rng.choice(["a", "b"], size=x.size).tolist()}
        found.append(
            build_reference(
                columns,
                model="m",
                version="1",
                segment=segment,
                effective_from_ms=starts,
                predictions=(x > 0).astype(int),
                labels=(rng.random(x.size) < score).astype(int),
                scores=score,
            )
        )
    return tuple(found)


@cache
def said(lag: int = LAG) -> tuple[ReferenceBook, tuple[tuple[bytes, ...], ...]]:
    """Every reference, those that were learned too, and per partition what it says, in its order."""
    book = ReferenceBook(_built())
    join = JoinPolicy(delay_ms=DELAY_MS, default=policy("arrival"))
    joiners = [Joiner(p, MemoryStore(), join, book) for p in range(PARTITIONS)]
    learner = Watcher("m", join.default, DELAY_MS, book)
    events = [_events(random.Random(p), p) for p in range(PARTITIONS)]
    queues: list[list[bytes]] = [[] for _ in joiners]
    for pane in range(PANES + lag):
        for partition, joiner in enumerate(joiners):
            new: list[bytes] = []
            for side, number in (("predictions", pane), ("feedback", pane - lag)):
                records = events[partition][side].get(number, [])
                first = joiner.positions()[side] or 0
                placed = [LogRecord(first + i, at, None, value) for i, (at, value) in enumerate(records)]
                decision, rejected = joiner.decide(side, first, first + len(placed), placed)
                assert not rejected
                joiner.apply(decision, joiner.state.log_next)
            new.extend(pane_message(closed, partition, 0) for closed in joiner.outbox())
            joiner.confirm(joiner.watermarks())
            new.append(watermark_message(partition, PARTITIONS, 0, joiner.watermarks()))
            queues[partition] += new
            for message in map(read_message, new):
                if message.get("pane", {"model": "m"})["model"] == "m":
                    learner.on_message(message)
        for watch in learner.versions.values():
            if watch.learned is not None:
                book.add(watch.learned)
    ours = (b'"model":"end"', b'"model": "end"')
    return book, tuple(tuple(raw for raw in queue if not any(o in raw for o in ours)) for queue in queues)


def watcher(labels: str) -> Watcher:
    return Watcher("m", policy(labels), DELAY_MS, said()[0])


def _events(rng: random.Random, partition: int) -> dict[str, dict[int, list[tuple[int, bytes]]]]:
    """By side and by the pane in which they are read, in order of their record's time."""
    made: dict[str, dict[int, list[tuple[int, bytes]]]] = {"predictions": {}, "feedback": {}}

    def put(side: str, at: int, event: dict[str, object]) -> None:
        pane = (at - START) // PANE_MS
        if pane < PANES:
            made[side].setdefault(pane, []).append((at, json.dumps(event).encode()))

    for pane in range(PANES):
        bad = pane in BAD
        for i in range(EVENTS):
            at = START + pane * PANE_MS + i * PANE_MS // EVENTS
            version = "3" if i % 10 == 0 else "2" if i % 10 < 4 else "1"
            if version == "3" and GONE <= pane < BACK:
                continue
            x = rng.gauss(1.5 if bad else 0, 1)
            y = (-0.8 if bad else 0.8) * x + 0.6 * rng.gauss(0, 1)
            score = 1 / (1 + math.exp(-3 * x))
            wrong = bad or (version == "3" and pane > 2)
            actual = int(rng.random() < (1 - score if wrong else score))
            name = f"{partition}-{pane}-{i}"
            missing = 0.7 if version == "3" and pane > 1 else 0.2 if bad else 0.0
            features = {"x": None if rng.random() < missing else x, "y": y, "c": rng.choice("ab")}
            event = {"prediction_id": name, "model": "m", "version": version, "at": at, "features": features}
            event |= {"prediction": int(x > 0), "score": score}
            if rng.random() < 0.8:
                event["segments"] = {"country": rng.choice(["DE", "FR"])}
            late = at + 40_000 if rng.random() < 0.01 else at  # in no pane, but labelled
            put("predictions", late, event)
            delay = rng.choice([0, 2_000, 15_000, 50_000, 90_000, 250_000])
            put("feedback", at + delay, {"prediction_id": name, "at": at + delay, "label": actual})
            if rng.random() < 0.1:
                again = at + delay + rng.choice([0, 12_000, 120_000])
                put("feedback", again, {"prediction_id": name, "at": again, "label": 1 - actual})
    for side, panes in made.items():
        for records in panes.values():
            records.sort(key=lambda record: record[0])
        last = START + PANES * PANE_MS + DELAY_MS
        ending = {"prediction_id": f"end {side}", "model": "end", "at": last, "prediction": 0, "label": 0}
        panes[PANES - 1].append((last, json.dumps(ending).encode()))
    return made
