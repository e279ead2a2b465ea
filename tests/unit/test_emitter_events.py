"""What the emitter writes is what the processor reads, whatever types the caller holds."""

from __future__ import annotations

import enum
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import orjson
import pandas as pd
import pytest

from tiltmeter.emitter import Emitter
from tiltmeter.emitter.memory import MemoryTransport
from tiltmeter.emitter.prediction_id import IdSource
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.events.feedback import Feedback
from tiltmeter.events.prediction import Prediction

NOON_MS = 1_767_268_800_000
NOON = "2026-01-01T12:00:00.000Z"
NOON_UTC = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Line:
    """An emitter at noon whose events can be looked at."""

    def __init__(self) -> None:
        self.transport = MemoryTransport()
        self.emitter = Emitter(
            "unused:1", model="churn", clock=lambda: NOON_MS, open_transport=lambda: self.transport
        )

    def last(self, topic: str = "tiltmeter.predictions") -> dict[str, Any]:
        assert self.emitter.flush()
        found: dict[str, Any] = orjson.loads(self.transport.values(topic)[-1])
        return found


def enveloped(source: str) -> tuple[Emitter, MemoryTransport]:
    transport = MemoryTransport()
    clock, open_transport = (lambda: NOON_MS), (lambda: transport)
    emitter = Emitter(
        "unused:1", model="churn", clock=clock, open_transport=open_transport, cloudevents_source=source
    )
    return emitter, transport


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.emitter.close()


def test_the_smallest_prediction(line: Line) -> None:
    identity = line.emitter.prediction(
        {"age": 41, "income": 5.5, "region": "north", "owner": True, "x": None}, 1
    )
    assert line.last() == {
        "prediction_id": identity,
        "model": "churn",
        "version": "unversioned",
        "at": NOON,
        "features": {"age": 41, "income": 5.5, "region": "north", "owner": True, "x": None},
        "prediction": 1,
    }
    assert line.transport.delivered[-1].key == identity.encode()


def test_the_fullest_prediction_is_a_valid_event(line: Line) -> None:
    line.emitter.prediction(
        {"age": 41},
        "stay",
        prediction_id="p-1",
        score=0.8,
        probabilities={"stay": 0.8, "go": 0.2},
        at=NOON_MS + 1,
        latency_ms=3.5,
        segments={"region": "north", "tier": 2, "none": None},
        entity_id=77,
        variant="canary",
        request_id="r-1",
        model="other",
        version="2",
    )
    event = Prediction.model_validate_json(orjson.dumps(line.last()))
    assert (event.prediction_id, event.model, event.version) == ("p-1", "other", "2")
    assert event.at == NOON_MS + 1
    assert event.probabilities == {"stay": 0.8, "go": 0.2}
    assert event.segments == {"region": "north", "tier": "2"}
    assert (event.entity_id, event.variant, event.request_id) == ("77", "canary", "r-1")
    assert (event.score, event.latency_ms, event.status, event.weight) == (0.8, 3.5, None, None)


def test_feedback_is_a_valid_event(line: Line) -> None:
    assert line.emitter.feedback(
        "p-1",
        np.int64(1),
        outcome_at=NOON_MS - 1000,
        label_propensity=np.float32(0.5),
        source="desk",
        revision=np.int32(2),
        value=Decimal("9.5"),
    )
    event = Feedback.model_validate_json(orjson.dumps(line.last("tiltmeter.feedback")))
    assert (event.prediction_id, event.label, event.outcome_at) == ("p-1", 1, NOON_MS - 1000)
    assert (event.label_propensity, event.source, event.revision, event.value) == (0.5, "desk", 2, 9.5)


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.longdouble(1.5), 1.5),
        (np.int8(-3), -3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([2.5]), 2.5),
        (np.array([[7]]), 7),
        (np.array(3), 3),
        (Decimal("0.25"), 0.25),
        (Colour.RED, "red"),
        (pd.NA, None),
        (pd.NaT, None),
        (2**63, 2**63),
        (10**30, 1e30),
        (np.array([1, 2]), None),
        ([1, 2], None),
        ({"a": 1}, None),
        (b"bytes", None),
        (object(), None),
        ("\ud800", None),
        (10**400, None),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_feature_becomes_a_json_scalar_or_null(line: Line, given: object, written: object) -> None:
    line.emitter.prediction({"x": given, "other": 1.0}, 0)
    features = line.last()["features"]
    assert features == {"x": written, "other": 1.0}
    assert type(features["x"]) is type(written)
    assert line.emitter.stats().dropped_unserialisable == 0


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, lambda text: np.array([float(text)])])
def test_numbers_json_cannot_hold_are_named_beside_the_features(line: Line, kind: Any) -> None:
    line.emitter.prediction({"a": kind("nan"), "b": kind("inf"), "c": kind("-inf"), "d": 1, "e": None}, 0)
    event = line.last()
    assert event["features"] == {"a": None, "b": None, "c": None, "d": 1, "e": None}
    assert event["nonfinite"] == {"a": "nan", "b": "inf", "c": "-inf"}
    Prediction.model_validate_json(orjson.dumps(event))


def test_cells_that_had_to_be_nulled_are_counted(line: Line) -> None:
    line.emitter.prediction({"a": object(), "b": [1, 2], "c": None, "d": float("nan")}, 0)
    assert line.emitter.stats().nulled_features == 2


@dataclass
class Customer:
    age: int
    income: float


class Row(NamedTuple):
    age: int
    income: float


@pytest.mark.parametrize(
    "features",
    [
        {"age": 41, "income": 2.5},
        pd.Series({"age": 41, "income": 2.5}, dtype=object),
        Customer(41, 2.5),
        Row(41, 2.5),
        {np.str_("age"): np.int64(41), "income": np.float64(2.5)},
    ],
    ids=lambda features: type(features).__name__,
)
def test_features_come_in_many_forms(line: Line, features: object) -> None:
    line.emitter.prediction(features, 0)
    assert line.last()["features"] == {"age": 41, "income": 2.5}


def test_names_that_are_no_strings_become_text(line: Line) -> None:
    line.emitter.prediction({0: 1.5, np.int64(1): 2.5}, 0, probabilities={0: np.float64(0.75), 1: 0.25})
    assert line.last()["features"] == {"0": 1.5, "1": 2.5}
    assert line.last()["probabilities"] == {"0": 0.75, "1": 0.25}


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (NOON_MS, NOON),
        (np.int64(NOON_MS), NOON),
        (NOON_MS / 1000, NOON),
        (NOON_MS / 1000 + 0.001, "2026-01-01T12:00:00.001Z"),
        (NOON_UTC, NOON),
        (datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))), NOON),
        (datetime(2026, 1, 1, 12, 0, 0, 999_999, UTC), "2026-01-01T12:00:00.999Z"),
        (pd.Timestamp("2026-01-01T12:00:00Z"), NOON),
        (np.datetime64("2026-01-01T12:00:00.000999999"), NOON),
        ("2026-01-01T13:00:00+01:00", NOON),
    ],
    ids=repr,
)
def test_at_comes_in_many_forms(line: Line, given: object, written: str) -> None:
    line.emitter.prediction({}, 0, at=given)
    assert line.last()["at"] == written


@pytest.mark.parametrize(
    "given",
    [NOON_UTC.replace(tzinfo=None), "2026-01-01", True, -1, float("nan"), NOON_MS * 1.0, [], "soon"],
    ids=repr,
)
def test_a_time_that_would_have_to_be_guessed_drops_the_event(line: Line, given: object) -> None:
    line.emitter.prediction({}, 0, at=given)
    assert line.emitter.stats().dropped_unserialisable == 1
    assert line.emitter.stats().accepted == 0


@pytest.mark.parametrize(
    ("given", "text"), [("a", "a"), (7, "7"), (np.int64(7), "7"), (UUID(int=1), str(UUID(int=1)))]
)
def test_an_id_is_text_for_predictions_and_feedback_alike(line: Line, given: object, text: str) -> None:
    assert line.emitter.prediction({}, 0, prediction_id=given) == text
    assert line.emitter.feedback(given, 0)
    assert line.last()["prediction_id"] == line.last("tiltmeter.feedback")["prediction_id"] == text


@pytest.mark.parametrize(
    "given", ["", "x" * 257, True, 1.5, b"id", object(), np.float64(1)], ids=lambda v: type(v).__name__
)
def test_what_cannot_be_an_id_is_dropped(line: Line, given: object) -> None:
    line.emitter.prediction({}, 0, prediction_id=given)
    assert not line.emitter.feedback(given, 0)
    assert line.emitter.stats().dropped_unserialisable == 2


def test_a_model_that_answers_nan_has_failed(line: Line) -> None:
    line.emitter.prediction({"a": 1}, float("nan"))
    event = line.last()
    assert event["status"] == "error"
    assert "prediction" not in event
    Prediction.model_validate_json(orjson.dumps(event))


def test_an_absent_answer_needs_an_error(line: Line) -> None:
    line.emitter.prediction({"a": 1}, None)
    assert line.emitter.stats().dropped_unserialisable == 1
    line.emitter.prediction({"a": 1}, None, status="error")
    assert line.last()["status"] == "error"


@pytest.mark.parametrize("label", [None, float("nan"), [1, 2], object()], ids=lambda v: type(v).__name__)
def test_feedback_without_a_usable_label_is_dropped(line: Line, label: object) -> None:
    assert not line.emitter.feedback("p", label)
    assert line.emitter.stats().dropped_unserialisable == 1


def test_a_timed_call_reports_its_latency(line: Line) -> None:
    with line.emitter.timed({"a": 1}, request_id="r") as call:
        call.prediction = "yes"
        call.score = 0.9
    event = line.last()
    assert (event["prediction"], event["score"], event["request_id"]) == ("yes", 0.9, "r")
    assert event["prediction_id"] == call.prediction_id
    assert event["latency_ms"] >= 0


def test_a_timed_call_that_raises_is_an_error_and_goes_on_raising(line: Line) -> None:
    with pytest.raises(ZeroDivisionError), line.emitter.timed({"a": 1}):
        _ = 1 / 0
    event = line.last()
    assert event["status"] == "error"
    assert "prediction" not in event


def test_made_up_ids_differ_also_after_a_fork_and_whatever_the_caller_seeds() -> None:
    source = IdSource()
    random.seed(1)
    seen = {source()}
    random.seed(1)
    seen.add(source())
    source._owner = -1  # as a child finds it: the state of a parent with another process id
    seen.add(source())
    assert len(seen) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", identity) for identity in seen)


def test_with_a_source_an_event_is_a_cloudevent_around_the_same_value(line: Line) -> None:
    emitter, transport = enveloped("/serving/churn")
    for one in (line.emitter, emitter):
        one.prediction({"x": 1}, 1, prediction_id="p1")
        one.feedback("p1", 0, at=NOON_MS + 1)
        assert one.flush()
    emitter.close()
    assert [event.value for event in transport.delivered] == [e.value for e in line.transport.delivered]
    assert all(event.headers == () for event in line.transport.delivered)
    prediction, feedback = (dict(event.headers) for event in transport.delivered)
    assert prediction == {
        "ce_specversion": b"1.0",
        "ce_type": b"io.tiltmeter.prediction.v1",
        "ce_source": b"/serving/churn",
        "ce_id": b"p1",
        "ce_time": NOON.encode(),
        "content-type": b"application/json",
    }
    assert (feedback["ce_type"], feedback["ce_time"]) == (
        b"io.tiltmeter.feedback.v1",
        b"2026-01-01T12:00:00.001Z",
    )


def test_the_processor_takes_the_envelope_off() -> None:
    emitter, transport = enveloped("urn:serving:churn")
    identity = emitter.prediction({"x": 1}, 1)
    emitter.feedback(identity, 1)
    assert emitter.close()
    prediction, feedback = (LogRecord(0, NOON_MS, e.key, e.value, e.headers) for e in transport.delivered)
    for decode, record in ((decode_predictions, prediction), (decode_feedback, feedback)):
        columns, rejected = decode([record])
        assert (len(columns), rejected, columns.at_ms.tolist()) == (1, [], [NOON_MS])


def test_a_correction_is_another_cloudevent_and_a_repetition_is_not() -> None:
    emitter, transport = enveloped("/labels")
    for label in (0, 1, 1):
        emitter.feedback("p1", label)
    assert emitter.close()
    first, second, again = (dict(event.headers)["ce_id"] for event in transport.delivered)
    assert first != second == again


@pytest.mark.parametrize("source", ["", "two words", "/sérving", "/a\n", "x" * 129])
def test_a_source_that_is_no_uri_reference_is_refused_at_once(source: str) -> None:
    with pytest.raises(ValueError, match="cloudevents_source"):
        Emitter("unused:1", model="m", cloudevents_source=source)
