"""Parts of the predictions watched on their own: every event is in the whole and in one segment of each name."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import ValidationError

from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.messages import pane_message, read_message, watermark_message
from tiltmeter.core.panes.pane import Pane
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import JoinPolicy, ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.columns import LogRecord
from tiltmeter.settings import ModelSettings

START, WIDTH, PANES, PER_PANE = 1_700_000_000_000, 10_000, 40, 120
POLICY = ModelPolicy(
    pane_ms=WIDTH,
    windows={"short": 4, "long": 100},
    segments={"country": ("DE", "FR"), "plan": ("basic",)},
    tolerances=Tolerances(clear_panes=2, min_samples=10),
)
NAMES = {"country": ["country=DE", "country=FR", "country=(other)"], "plan": ["plan=basic", "plan=(other)"]}


def segment(event: dict[str, Any], name: str) -> str:
    value = event.get("segments", {}).get(name)
    return f"{name}={value if f'{name}={value}' in NAMES[name] else '(other)'}"


def events(seed: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Predictions with their labels; the model fails in DE alone from the middle on."""
    rng, made = random.Random(seed), []
    for i in range(PANES * PER_PANE):
        country = rng.choice(["DE", "FR", "PL", None, "(other)"])
        said = rng.randint(0, 1)
        bad = country == "DE" and i > PANES * PER_PANE // 2
        actual = 1 - said if rng.random() < (0.6 if bad else 0.05) else said
        at = START + i * WIDTH // PER_PANE
        event: dict[str, Any] = {"prediction_id": f"{i}", "model": "m", "version": "1", "at": at}
        event |= {"prediction": said, "features": {"x": rng.gauss(0, 1)}, "segments": {}}
        if country is not None:
            event["segments"]["country"] = country
        if rng.random() < 0.5:
            event["segments"]["plan"] = "basic"
        made.append((event, {"prediction_id": f"{i}", "at": at + 1, "label": actual}))
    return made


def panes_of(seed: int, policy: ModelPolicy = POLICY, references: ReferenceBook | None = None) -> list[Pane]:
    """Of one partition, batches cut at random, feedback before or after its prediction, restored now and then."""
    rng = random.Random(seed)
    join = JoinPolicy(delay_ms=1_000, default=policy)
    store, book = MemoryStore(), references or ReferenceBook()
    joiner = Joiner(0, store, join, book)
    sides = {"predictions": [p for p, _ in events(1)], "feedback": [f for _, f in events(1)]}
    closing = {
        "prediction_id": "end",
        "model": "m",
        "version": "end",
        "at": START + 10**7,
        "prediction": 1,
    }
    sides["predictions"].append(closing)
    sides["feedback"].append({"prediction_id": "end", "at": START + 10**7, "label": 1})
    done = dict.fromkeys(sides, 0)
    panes: list[Pane] = []
    while any(done[side] < len(sides[side]) for side in sides):
        side = rng.choice([side for side in sides if done[side] < len(sides[side])])
        size = rng.choice([1, 50, 400])
        if done[side] - done["feedback" if side == "predictions" else "predictions"] > PER_PANE // 4:
            continue  # neither side runs away: a watermark would move labels to other panes
        part = sides[side][done[side] : done[side] + min(size, PER_PANE // 4)]
        records = [
            LogRecord(done[side] + i, event["at"], None, orjson.dumps(event)) for i, event in enumerate(part)
        ]
        decision, rejected = joiner.decide(side, done[side], done[side] + len(part), records)
        assert rejected == []
        joiner.apply(decision, joiner.state.log_next)
        done[side] += len(part)
        panes += joiner.outbox()
        joiner.confirm(joiner.watermarks())
        if rng.random() < 0.1:
            joiner = Joiner(0, store, join, book)
    return panes


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_segments_of_a_name_add_up_to_the_whole(name: str) -> None:
    found = panes_of(1)
    whole: dict[Any, Pane] = {}
    parts: dict[Any, Pane] = {}
    for pane in found:
        key = (type(pane), pane.key.start_ms, pane.key.version)
        book = whole if pane.key.segment == "" else parts if pane.key.segment in NAMES[name] else None
        if book is None:
            continue
        if key in book:
            book[key].add(pane)  # type: ignore[arg-type]  # the kind is in the key
        else:
            book[key] = pane
    assert len(whole) > PANES
    for key, pane in whole.items():
        expected, together = pane.to_wire(), parts[key].to_wire()
        assert {**together, "segment": ""} == expected


def test_each_segment_counts_its_own_events() -> None:
    predictions: Counter[str] = Counter()
    labels: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for pane in panes_of(2):
        if pane.key.version == "end":
            continue
        if isinstance(pane, PredictionPane):
            predictions[pane.key.segment] += pane.events
        elif isinstance(pane, LabelPane):
            total = pane.total()
            labels[pane.key.segment][0] += total.n
            labels[pane.key.segment][1] += total.correct
    for name, segments in NAMES.items():
        for one in segments:
            mine = [(p, f) for p, f in events(1) if segment(p, name) == one]
            assert predictions[one] == len(mine)
            assert labels[one] == [len(mine), sum(p["prediction"] == f["label"] for p, f in mine)]


def test_how_batches_are_cut_and_who_comes_first_does_not_show_in_prediction_panes() -> None:
    def wires(seed: int) -> list[bytes]:
        return sorted(orjson.dumps(p.to_wire()) for p in panes_of(seed) if isinstance(p, PredictionPane))

    assert wires(3) == wires(4)


def test_a_failure_in_one_segment_is_found_in_it_while_the_whole_still_tolerates_it() -> None:
    """Every segment learned what it is like by itself (``from_first``)."""
    policy = replace(
        POLICY, from_first=200, tolerances=replace(POLICY.tolerances, error_rate=0.12, learning_panes=0)
    )
    watcher = Watcher("m", policy, 1_000, ReferenceBook())
    alerts = []
    for pane in panes_of(5, policy):
        watcher.on_message(read_message(pane_message(pane, 0, 0)))
        marks = dict.fromkeys(("prediction", "label"), pane.key.end_ms - WIDTH)
        watcher.on_message(read_message(watermark_message(0, 1, 0, marks)))
        alerts += watcher.advance()[1]
    fired = {a["segment"] for a in alerts if a["kind"] == "performance" and a["severity"] == "warning"}
    assert "country=DE" in fired
    assert not fired & {"country=FR", "country=(other)"}
    learned = watcher.versions[("1", "country=DE")].learned
    assert learned is not None
    assert learned.segment == "country=DE"


def test_the_budget_is_shared_and_what_an_alert_promises_says_so() -> None:
    whole, one = POLICY.for_segment(""), POLICY.for_segment("country=DE")
    rate = 1 / whole.tolerances.warning_days + 5 / one.tolerances.warning_days
    assert rate == pytest.approx(1 / POLICY.tolerances.warning_days)
    assert ModelPolicy().for_segment("") == ModelPolicy()


def test_a_segment_has_a_reference_of_its_own_or_none() -> None:
    x = np.random.default_rng(1).normal(size=500)
    whole = build_reference({"x": x}, model="m", version="1")
    part = ReferenceProfile("m", "1", 0, 500, whole.features, segment="country=DE")
    again = ReferenceProfile.from_json(part.to_json())
    assert (again.segment, again.reference_id) == ("country=DE", part.reference_id)
    assert part.reference_id != whole.reference_id
    book = ReferenceBook([whole, again])
    assert book.at("m", "1", START) is whole
    assert book.at("m", "1", START, "country=DE") is again
    assert book.at("m", "1", START, "country=FR") is None
    assert book.first("m", "1") is whole


@pytest.mark.parametrize(
    ("segments", "problem"),
    [
        pytest.param({"country": []}, "at least one value", id="no value"),
        pytest.param({"country": ["DE", "DE"]}, "each once", id="a value twice"),
        pytest.param({"country": ["(other)"]}, "not '\\(other\\)'", id="the name of all others"),
        pytest.param(
            {"a": [str(i) for i in range(30)], "b": [str(i) for i in range(30)]}, "961", id="too many"
        ),
        pytest.param({"country": ["x" * 300]}, "longer than", id="too long"),
    ],
)
def test_segments_that_cannot_be_kept_apart_do_not_start(segments: Any, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        ModelSettings(segments=segments)
