"""Random logs with everything that makes a join hard. Seeded: a case is its number."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from tiltmeter.core.policy import DAY, HOUR, JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import LogRecord

START = 1_700_000_000_000
NUMBERS = (-1e9, -1.5, -0.0, 0, 0.25, 0.5, 0.75, 1, 1.0, 2, 3.5, 1e12)
CELLS = (None, None, "a", "b", "new", True, [1], {"x": 1}, float("nan"), float("inf"), *NUMBERS)
OUTCOMES = (0, 1, 1, 0, "0", "1", True, False, 0.0, 1.0, 0.5, -3.25, 1e6, "cat", "", "x" * 30, 7)
WILD = (1e200, -1e308, 1e15)


@dataclass
class Case:
    policy: JoinPolicy
    references: ReferenceBook
    predictions: list[LogRecord] = field(default_factory=list)
    feedback: list[LogRecord] = field(default_factory=list)

    def log(self, side: str) -> list[LogRecord]:
        return self.predictions if side == "predictions" else self.feedback


@cache
def _references() -> tuple[ReferenceProfile, ...]:
    rng = random.Random(24)
    x = [rng.choice([0.0, 0.25, rng.gauss(0, 1)]) for _ in range(200)]
    letters = [rng.choice("aab") for _ in x]
    labels = [rng.randint(0, 1) for _ in x]
    numbers = [value * 3 + rng.gauss(0, 0.5) for value in x]
    few = build_reference(
        {"x": x, "c": letters}, model="m", version="1", predictions=labels, labels=labels, bins=4
    )
    many = build_reference({"x": x, "y": numbers}, model="m", version="1", predictions=labels, labels=labels)
    real = build_reference(
        {"x": x, "c": letters}, model="r", version="1", predictions=numbers, labels=x, bins=16
    )
    return few, many, real


def case(seed: int, size: int = 40, calm: bool = False) -> Case:
    """``calm``: event times in log order and never late, so that the number of partitions changes nothing."""
    rng = random.Random(seed)
    step = rng.choice([50, 2_000, 10 * 60_000])  # typical milliseconds between two events
    policy = JoinPolicy(
        delay_ms=rng.choice([0, step, 20 * step]),
        retention_ms=rng.choice([1, 8 * step, 100 * step, 1000 * step]),
        dedup_ms=rng.choice([0, step, 30 * step]),
        corrections_ms=rng.choice([0, 10 * step, 1000 * step]),
        models={
            "m": ModelPolicy(
                pane_ms=rng.choice([step, 7 * step]),
                task=rng.choice(["auto", "auto", "regression"]),
                mmd_share=(0.0, 0.5, 1.0)[seed % 3],
            ),
            "r": ModelPolicy(pane_ms=10 * step),
        },
        default=ModelPolicy(pane_ms=3 * step, task=rng.choice(["auto", "classification", "regression"])),
    )
    few, many, real = _references()
    middle = START + rng.randint(0, size) * step
    book = ReferenceBook(
        [few, replace(many, effective_from_ms=middle, reference_id="")] if rng.random() < 0.5 else
        [replace(few, effective_from_ms=middle, reference_id="")]
    )  # fmt: skip
    if rng.random() < 0.7:
        book.add(real)
    made = Case(policy, book)
    _write(rng, made, step, rng.randint(1, size), calm)
    return made


def learning(made: Case) -> Case:
    """The same logs where versions without a reference learn one. The oracle does not know how."""
    models = {name: replace(policy, from_first=100) for name, policy in made.policy.models.items()}
    default = replace(made.policy.default, from_first=100)
    return replace(made, policy=replace(made.policy, models=models, default=default))


def _write(rng: random.Random, made: Case, step: int, size: int, calm: bool) -> None:
    """Both logs: what is sent, sorted by when it is sent."""
    width = made.policy.bucket_ms
    ids = [f"id-{i}" for i in range(rng.choice([2, max(size // 2, 1), size, 10 * size]))]
    sent: dict[str, list[tuple[int, dict[str, Any] | bytes | None]]] = {"predictions": [], "feedback": []}
    now = START
    grid = rng.choice([1, step])  # on a grid, times meet the ends of panes and buckets exactly
    jump = rng.choice([0.0, 0.02, 0.2])
    for _ in range(size):
        now += rng.randint(0, 2 * step)
        if rng.random() < jump:
            now += rng.randint(0, 12 * width)
        now = now // grid * grid
        event = _prediction(rng, rng.choice(ids), now)
        sent["predictions"].append((now, event))
        while rng.random() < 0.2:  # sent again, at once or much later, the same or not
            again = now + rng.choice([0, rng.randint(0, 5 * step), rng.randint(0, 4 * width)])
            other = {**event, "score": rng.random(), "at": now if rng.random() < 0.5 else again}
            sent["predictions"].append((again, event if rng.random() < 0.5 else other))
        while rng.random() < 0.55:
            wait = rng.choice([0, rng.randint(-20 * step, 50 * step), rng.randint(-2 * width, 12 * width)])
            about = rng.choice([event["prediction_id"]] * 9 + ids)
            then = (now + wait) // grid * grid
            sent["feedback"].append((then, _feedback(rng, about, then)))
    for side, events in sent.items():
        events.extend(
            (START + rng.randint(0, size * step), _broken(rng, side)) for _ in range(rng.randint(0, 3))
        )
        events.sort(key=lambda item: item[0])
        offset = rng.choice([0, 0, 1000])
        for at, event in events:
            made.log(side).append(_record(rng, offset, at, event, step, calm))
            offset += rng.choice([1, 1, 1, 2, 50])  # logs may have holes


def _record(rng: random.Random, offset: int, now: int, event: Any, step: int, calm: bool) -> LogRecord:
    timestamp = now
    if isinstance(event, dict):
        event = dict(event)
        if calm:
            event["at"] = now
        elif type(event.get("at")) is int:
            event["at"] += rng.choice([0, 0, 0, -step, -rng.randint(0, 60 * step), rng.randint(0, 3 * step)])
        skewed = (now, now, now, -1, now + rng.randint(0, step), now - rng.randint(0, HOUR))
        timestamp = now if calm else rng.choice(skewed)
        event = json.dumps(event).encode()
    return LogRecord(offset, timestamp, None, event)


def _prediction(rng: random.Random, name: str, now: int) -> dict[str, Any]:
    model = rng.choice(["m", "m", "r", "other"])
    numbers = model == "r" or rng.random() < 0.1
    event: dict[str, Any] = {
        "prediction_id": name,
        "model": model,
        "at": now,
        "prediction": rng.gauss(0, 2) if numbers else rng.choice(OUTCOMES[: rng.choice([4, len(OUTCOMES)])]),
    }
    if rng.random() < 0.95:
        event["version"] = rng.choice(["1", "1", "1", "2"])
    if rng.random() < 0.9:
        event["features"] = {
            feature: rng.choice(CELLS) if rng.random() < 0.4 else rng.gauss(0, 1)
            for feature in ("x", "y", "c", "unknown")
            if rng.random() < 0.8
        }
    if rng.random() < 0.1:
        event["nonfinite"] = dict.fromkeys(rng.sample(["x", "c", "other"], 2), rng.choice(["nan", "-inf"]))
    if rng.random() < 0.6:
        event["score"] = rng.choice(
            [rng.random(), rng.random(), 0, 1, 0.1, 1e-17, -0.5, 3, 1e300, "high", None]
        )
    if rng.random() < 0.1:
        event["status"] = rng.choice(["error", "error", "ok", "strange"])
        if event["status"] == "error" and rng.random() < 0.7:
            event["prediction"] = rng.choice([None, [1]])
    if rng.random() < 0.3:
        event["weight"] = rng.choice([1, 2, 1000, 0, "much"])
    if rng.random() < 0.3:
        event["latency_ms"] = rng.choice([0, 1, 2.5, 2.50001, 12.3456, 70_000, -1, True])
    if rng.random() < 0.02:
        event["prediction"] = rng.choice(WILD)
    return event


def _feedback(rng: random.Random, name: str, now: int) -> dict[str, Any]:
    label = rng.gauss(0, 2) if rng.random() < 0.3 else rng.choice(OUTCOMES[: rng.choice([4, len(OUTCOMES)])])
    event: dict[str, Any] = {"prediction_id": name, "at": now, "label": label}
    if rng.random() < 0.3:
        event["revision"] = rng.choice([0, 1, 1, 2, 3, -1, "two"])
    if rng.random() < 0.3:
        event["label_propensity"] = rng.choice([rng.random(), 1, 0.5, 0.01, 0.009, 0, -1, 2, "half"])
    if rng.random() < 0.02:
        event["label"] = rng.choice(WILD)
    return event


def _broken(rng: random.Random, side: str) -> dict[str, Any] | bytes | None:
    if rng.random() < 0.4:
        return rng.choice([None, b"", b"{", b"[1]", b"null", b"\xff"])
    event = _prediction(rng, "p", START) if side == "predictions" else _feedback(rng, "f", START)
    faults: list[tuple[str, Any]] = [
        ("prediction_id", None), ("prediction_id", 7), ("prediction_id", ""), ("at", None), ("at", "noon"),
        ("at", START + 400 * DAY), ("at", -5),
    ]  # fmt: skip
    if side == "predictions":
        faults += [("model", None), ("model", "m" * 300), ("prediction", None), ("prediction", {})]
    else:
        faults += [("label", None), ("label", []), ("label", float("nan"))]
    name, value = rng.choice(faults)
    event[name] = value
    return event
