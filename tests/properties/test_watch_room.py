"""More versions than WATCH keeps: who makes room follows from the prediction panes alone (semantics 28).

a   ██  ┊                  ██        evicted when d begins, and back in its place later
b   ████ ██████ ██ ██████ ██         never silent for a longest window
c     ██         ┊                   evicted when a is back
d        ██
labels: some at once, most many panes later, some for a version while it is not watched
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest

from oracle.scene import interleaved
from tiltmeter.core.expectations import VIOLATIONS, Expectation
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.messages import pane_message, read_message, watermark_message
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.watcher import Watcher

WIDTH, PANES, PARTITIONS, MOST, EVENTS = 10_000, 160, 2, 4, 50
START = 1_700_000_040_000
REST = 32  # panes after the last prediction: all labels have come, and the last lives go on
VERSIONS = [f"v{number:02}" for number in range(12)]
POLICY = ModelPolicy(
    pane_ms=WIDTH,
    windows={"short": 2, "long": 5},
    maturities=(60_000,),
    silent_panes=5,
    forget_ms=40 * WIDTH,  # longer than labels take: no version has labels alone
    most_watched=MOST,
    expectations={"x": Expectation(required=True)},
    tolerances=Tolerances(clear_panes=2, min_samples=10, learning_panes=0),
)
Judged = tuple[list[bytes], list[bytes], bytes]
seeds = pytest.mark.parametrize("seed", range(4))


def key(number: int, version: str) -> PaneKey:
    return PaneKey(START + number * WIDTH, WIDTH, "m", version, "")


@cache
def active() -> tuple[frozenset[str], ...]:
    """Versions with predictions, by pane: the first one always, the others in bursts. Most panes have few."""
    rng, panes = random.Random(1), [{VERSIONS[0]} for _ in range(PANES)]
    for _ in range(36):
        version, first = rng.choice(VERSIONS[1:]), rng.randrange(PANES)
        for pane in panes[first : first + rng.randint(1, 6)]:
            pane.add(version)
    return tuple(map(frozenset, panes))


def predicted(number: int, version: str) -> PredictionPane:
    pane = PredictionPane(key(number, version), events=EVENTS, weight=EVENTS)
    pane.answers.classes = {"0": 20, "1": 30}
    if version[-1] in "13579":  # what is required is missing
        pane.expectations["x"] = np.zeros(len(VIOLATIONS), dtype=np.int64)
        pane.expectations["x"][0] = EVENTS
    return pane


@cache
def label_panes() -> dict[int, dict[str, LabelPane]]:
    """By number and version: of each pane with predictions some labels at once, and some up to 30 panes later."""
    rng, made = random.Random(2), dict[int, dict[str, LabelPane]]()
    for number, versions in enumerate(active()):
        for version in sorted(versions):
            for known in {number, number + rng.randint(1, 30), number + rng.randint(1, 8)}:
                pane = made.setdefault(known, {}).setdefault(version, LabelPane(key(known, version)))
                wrong = rng.choice([2, 3, 90, 100])
                cell = Outcomes(200, 200, {("1", "1"): 200 - wrong, ("1", "0"): wrong})
                cohort, age = key(number, version).start_ms // 60_000 * 60_000, (known - number) // 6
                pane.cells[cohort, min(age, 2)] = cell
                pane.feedback["matched"] += 200
    return made


def said(partition: int, lag: int) -> list[bytes]:
    """Of one partition, in its order; labels are read ``lag`` panes later than predictions."""
    messages = []
    for number in range(PANES + REST + lag):
        if number < PANES:
            panes = [predicted(number, version) for version in sorted(active()[number])]
            messages += [pane_message(pane, partition, 0) for pane in panes]
        late = label_panes().get(number - lag, {})
        messages += [pane_message(pane, partition, 0) for _, pane in sorted(late.items())]
        at = START + WIDTH * (min(number, PANES + REST - 1) + 1)
        marks = {"prediction": at, "label": START + WIDTH * (number - lag + 1)}
        messages.append(watermark_message(partition, PARTITIONS, 0, marks))
    return messages


def order_of(seed: int, lag: int) -> list[bytes]:
    return interleaved(random.Random(seed), [said(partition, lag) for partition in range(PARTITIONS)])


@cache
def references() -> ReferenceBook:
    """A hundredth of the answers is wrong: what labels say then shows in alerts, life by life."""
    right = np.arange(5_000) % 2
    said = np.where(np.arange(right.size) % 100 == 0, 1 - right, right)
    built = [build_reference({}, model="m", version=v, predictions=said, labels=right) for v in VERSIONS]
    return ReferenceBook(built)


def watcher() -> Watcher:
    return Watcher("m", POLICY, 0, references())


def by_name(items: list[dict[str, Any]]) -> list[bytes]:
    return sorted(orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in items)


@cache
def judged(seed: int, lag: int) -> Judged:
    seen = watcher()
    for raw in order_of(seed, lag):
        seen.on_message(read_message(raw))
    panes, alerts = seen.advance()
    return by_name(panes), by_name(alerts), seen.snapshot()


def test_the_scene_is_crowded() -> None:
    """Versions are evicted, come back and are evicted again before the labels of their first life have come."""
    seen, lives, muted = watcher(), 0, 0
    for raw in order_of(0, 60):
        message = read_message(raw)
        seen.on_message(message)
        lives = max([lives, *map(len, seen._departed.lives.values())])
        muted = max([muted, *map(len, seen._departed.muted.values())])
    assert seen.crowded_out > 10
    assert lives >= 3
    assert muted >= 3
    reasons = {orjson.loads(alert)["summary"][:40] for alert in judged(0, 0)[1]}
    assert any("too many versions" in reason for reason in reasons)
    assert any("no predictions" in reason for reason in reasons)
    assert {orjson.loads(alert)["kind"] for alert in judged(0, 0)[1]} >= {"data_quality", "performance"}
    assert orjson.loads(judged(0, 0)[2])["versions"]


def test_whoever_begins_finds_room_or_only_active_ones_and_an_active_one_is_never_evicted() -> None:
    seen, steady, known, more = watcher(), set(), set[tuple[str, str]](), 0
    for raw in order_of(0, 0):
        seen.on_message(read_message(raw))
        lasts = [w.last_prediction_pane for w in seen.versions.values() if w.last_prediction_pane]
        if seen.versions.keys() - known:
            starts = max(lasts) - WIDTH
            assert len(lasts) <= MOST or all(last > starts - POLICY.lately_ms for last in lasts)
            more += len(lasts) > MOST
        known = set(seen.versions)
        steady |= {id(watch) for name, watch in seen.versions.items() if name[0] == VERSIONS[0]}
    assert more > 0
    assert len(steady) == 1


@seeds
@pytest.mark.parametrize("lag", [0, 3, 60])
def test_neither_interleaving_nor_how_far_labels_are_behind_shows(seed: int, lag: int) -> None:
    panes, alerts, end = judged(seed, lag)
    first_panes, first_alerts, first_end = judged(0, 0)
    assert alerts == first_alerts
    assert panes == first_panes
    assert end == first_end


@seeds
def test_neither_restarts_nor_reloads_show(seed: int) -> None:
    rng, seen, panes, alerts = random.Random(seed), watcher(), [], []
    for raw in order_of(seed, 60):
        seen.on_message(read_message(raw))
        if rng.random() < 0.05:
            snapshot, successor = seen.snapshot(), watcher()
            successor.restore(snapshot)
            assert successor.snapshot() == snapshot
            seen = successor if rng.random() < 0.7 else seen.with_policy(POLICY)
        if rng.random() < 0.3:
            more_panes, more_alerts = seen.advance()
            panes += more_panes
            alerts += more_alerts
    more_panes, more_alerts = seen.advance()
    assert (by_name(panes + more_panes), by_name(alerts + more_alerts)) == judged(seed, 60)[:2]
    assert orjson.loads(seen.snapshot()) == {**orjson.loads(judged(seed, 60)[2]), "not_taken": [[], []]}
