"""The stream of the benchmarks: a binary classifier with ten float features, and a label for each prediction. Or,
``numbers``, a regression that answers 100 times the classifier's score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import orjson

from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.timestamp import format_timestamp

MODEL, VERSION = "credit-risk", "3"
FEATURES = tuple(f"f{j}" for j in range(10))
START_MS = 1_767_225_600_000
#: Predictions per second of event time: what ten busy replicas of a service emit.
PER_SECOND = 5_000
#: Labels come exponentially late, by half a minute on average.
LABEL_DELAY_MS = 30_000
ERROR_RATE = 0.1
#: Standard deviation of the regression's errors; its labels lie between 0 and 100.
ERROR = 5.0
_CHUNK = 4_096


class Event(NamedTuple):
    time_ms: int
    key: bytes  # the prediction_id
    value: bytes


def prediction_id(number: int) -> str:
    return f"6f1c1d0e-8a52-4d5e-{number:012d}"


def model_name(number: int, models: int) -> str:
    """Events take turns between models."""
    return MODEL if models == 1 else f"{MODEL}-{number % models}"


def predictions(count: int, models: int = 1, numbers: bool = False) -> Iterator[Event]:
    """425 bytes each, in order of time."""
    rng = np.random.default_rng(7)
    for start in range(0, count, _CHUNK):
        features = rng.normal(size=(_CHUNK, len(FEATURES))).tolist()
        scores = np.round(rng.random(_CHUNK), 6).tolist()
        for number in range(start, min(start + _CHUNK, count)):
            at, score = START_MS + number * 1000 // PER_SECOND, scores[number - start]
            event = {
                "prediction_id": prediction_id(number),
                "model": model_name(number, models),
                "version": VERSION,
                "at": format_timestamp(at),
                "features": dict(zip(FEATURES, features[number - start], strict=True)),
                "prediction": 100 * score if numbers else int(score > 0.5),
                "score": score,
                "latency_ms": 12.5,
            }
            yield Event(at, event["prediction_id"].encode(), orjson.dumps(event))


def feedback(count: int, delay_ms: int = LABEL_DELAY_MS, numbers: bool = False) -> Iterator[Event]:
    """The truth about every prediction, in order of the time it became known."""
    rng = np.random.default_rng(7)
    scores = np.concatenate([_scores(rng) for _ in range(0, count, _CHUNK)])[:count]
    labels = (scores > 0.5) ^ (rng.random(count) < ERROR_RATE)
    amounts = np.round(100 * scores + np.random.default_rng(9).normal(0, ERROR, count), 3)
    truth = amounts.tolist() if numbers else labels.astype(int).tolist()
    at = START_MS + np.arange(count) * 1000 // PER_SECOND
    at += rng.exponential(delay_ms, count).astype(np.int64)
    for number in np.argsort(at, kind="stable").tolist():
        known, name = int(at[number]), prediction_id(number)
        event = {"prediction_id": name, "at": format_timestamp(known), "label": truth[number]}
        yield Event(known, name.encode(), orjson.dumps(event))


def _scores(rng: np.random.Generator) -> np.ndarray:
    rng.normal(size=(_CHUNK, len(FEATURES)))  # the same draws as the predictions
    return np.round(rng.random(_CHUNK), 6)


def reference(rows: int = 20_000, numbers: bool = False) -> ReferenceProfile:
    """What the stream looks like while nothing is wrong, so that every feature is binned and tested."""
    rng = np.random.default_rng(8)
    columns = {name: rng.normal(size=rows) for name in FEATURES}
    score = rng.random(rows)
    predicted, labels = (
        (score > 0.5).astype(int),
        ((score > 0.5) ^ (rng.random(rows) < ERROR_RATE)).astype(int),
    )
    if numbers:
        predicted, labels = 100 * score, 100 * score + rng.normal(0, ERROR, rows)
    return build_reference(columns, model=MODEL, version=VERSION, predictions=predicted, labels=labels)
