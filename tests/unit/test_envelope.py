"""CloudEvents in both modes say what the bare event says; what is wrong with an envelope costs only its record."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.events.columns import LogRecord, PredictionColumns
from tiltmeter.events.decode import decode_feedback, decode_predictions

NOON = 1_767_787_200_000
PREDICTION, FEEDBACK = "io.tiltmeter.prediction.v1", "io.tiltmeter.feedback.v1"
EVENT = {
    "prediction_id": "p",
    "model": "m",
    "version": "1",
    "at": NOON,
    "prediction": 1,
    "features": {"x": 2},
}
TIMELESS = {name: value for name, value in EVENT.items() if name != "at"}
TRACEPARENT = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
Headers = Sequence[tuple[str, bytes]]


def attributes(type_: str = PREDICTION, **others: str) -> dict[str, str]:
    return {"specversion": "1.0", "id": "message-1", "source": "/serving", "type": type_, **others}


def record(value: bytes | None, headers: Headers = (), offset: int = 0) -> LogRecord:
    return LogRecord(offset, NOON, b"p", value, headers)


def binary(event: Any, type_: str = PREDICTION, **others: str) -> LogRecord:
    named = attributes(type_, **others)
    headers = [(f"ce_{name}", text.encode()) for name, text in named.items()]
    return record(orjson.dumps(event), [("content-type", b"application/json"), *headers, TRACEPARENT])


def structured(event: Any, type_: str = PREDICTION, header: bool = True, **others: str) -> LogRecord:
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")] if header else []
    return record(orjson.dumps({**attributes(type_, **others), "data": event}), headers)


def the_columns(one: LogRecord) -> PredictionColumns:
    columns, rejected = decode_predictions([one])
    assert rejected == []
    return columns


def refusal(one: LogRecord) -> tuple[str, str]:
    columns, rejected = decode_predictions([one])
    assert len(columns) == 0
    return rejected[0].reason, rejected[0].detail.partition(". ")[0]


@pytest.mark.parametrize(
    "one",
    [
        binary(EVENT),
        structured(EVENT),
        structured(EVENT, header=False),
        record(orjson.dumps({**attributes(), "data_base64": b64encode(orjson.dumps(EVENT)).decode()})),
        record(orjson.dumps(EVENT), [TRACEPARENT]),
        record(orjson.dumps({**EVENT, "specversion": "an unknown field of ours"})),
    ],
    ids=["binary", "structured", "structured without header", "base64", "traced", "bare"],
)
def test_every_envelope_holds_the_same_event(one: LogRecord) -> None:
    columns, bare = the_columns(one), the_columns(record(orjson.dumps(EVENT)))
    assert (columns.keys, columns.at_ms.tolist()) == (bare.keys, [NOON])
    assert columns.groups[0].features["x"].numbers.tolist() == [2.0]


def test_envelopes_of_all_kinds_share_a_batch_and_a_bad_one_costs_only_itself() -> None:
    batch = [
        record(orjson.dumps(EVENT)),
        binary(EVENT),
        binary(EVENT, "com.example.order.v1"),
        structured(EVENT, header=False),
        record(b"{"),
        structured(EVENT),
    ]
    columns, rejected = decode_predictions([one._replace(offset=i) for i, one in enumerate(batch)])
    assert columns.offset.tolist() == [0, 1, 3, 5]
    assert [(item.offset, item.reason) for item in rejected] == [(2, "unknown_type"), (4, "malformed_json")]


def test_the_envelope_s_time_is_the_event_s_where_it_names_none() -> None:
    time = "2026-01-07T11:59:59.000Z"
    for one in (binary(TIMELESS, time=time), structured(TIMELESS, time=time)):
        assert the_columns(one).at_ms.tolist() == [NOON - 1000]
    for one in (binary(EVENT, time=time), structured(EVENT, time=time)):
        assert the_columns(one).at_ms.tolist() == [NOON]


def test_no_time_anywhere_is_a_missing_time_and_an_unusable_one_a_bad_time() -> None:
    assert refusal(binary(TIMELESS)) == ("missing_time", "$.at: missing")
    assert refusal(structured(TIMELESS, time="yesterday"))[0] == "bad_time"


def test_the_envelope_s_id_is_not_the_prediction_s() -> None:
    nameless = {name: value for name, value in EVENT.items() if name != "prediction_id"}
    assert refusal(binary(nameless))[0] == refusal(structured(nameless))[0] == "missing_id"


def test_another_type_is_refused_by_name_whatever_its_data() -> None:
    for one in (binary(EVENT, FEEDBACK), structured(EVENT, FEEDBACK)):
        reason, detail = refusal(one)
        assert reason == "unknown_type"
        assert f"'{FEEDBACK}', not '{PREDICTION}'" in detail
    not_json = binary({}, "com.example.order.v1")._replace(value=b"\x0a\x03abc")
    assert refusal(not_json)[0] == "unknown_type"


def test_feedback_has_its_own_type() -> None:
    label = {"prediction_id": "p", "at": NOON, "label": 1}
    columns, rejected = decode_feedback([binary(label, FEEDBACK), structured(label, FEEDBACK)])
    assert (len(columns), rejected) == (2, [])


@pytest.mark.parametrize(
    ("one", "reason", "detail"),
    [
        (structured(EVENT, specversion="0.3"), "bad_envelope", "$.specversion: '0.3'"),
        (binary(EVENT, specversion="2.0"), "bad_envelope", "header ce_specversion: '2.0'"),
        (structured(None), "bad_envelope", "$.data: missing"),
        (structured([EVENT]), "not_an_object", "$.data: a JSON array"),
        (structured("text"), "not_an_object", "$.data: a JSON string"),
        (binary([EVENT]), "not_an_object", "$: a JSON array"),
        (
            record(orjson.dumps({**attributes(), "data_base64": "*"})),
            "bad_envelope",
            "$.data_base64: not Base64",
        ),
        (
            record(b"[]", [("Content-Type", b"application/cloudevents-batch+json")]),
            "bad_envelope",
            "content-type 'application/cloudevents-batch+json'",
        ),
        (
            record(b"{}", [("content-type", b"application/cloudevents+json")]),
            "bad_envelope",
            "$.specversion: missing",
        ),
    ],
)
def test_an_envelope_that_cannot_be_used_says_why(one: LogRecord, reason: str, detail: str) -> None:
    assert refusal(one) == (reason, detail)


def test_a_tombstone_is_an_empty_value_whatever_its_headers_say() -> None:
    assert refusal(binary(EVENT)._replace(value=None))[0] == "empty_value"
    assert refusal(binary(EVENT, "com.example.order.v1")._replace(value=None))[0] == "empty_value"


def test_headers_that_are_not_text_or_have_no_value_are_no_envelope() -> None:
    odd: Any = [("ce_type", b"\xff\xfe"), ("content-type", None), ("\N{SNOWMAN}", b"")]
    assert len(the_columns(record(orjson.dumps(EVENT), odd))) == 1


def test_a_rejected_record_keeps_all_headers_traceparent_included() -> None:
    one = binary({**EVENT, "model": 7})
    _, rejected = decode_predictions([one])
    assert rejected[0].headers == one.headers
    assert TRACEPARENT in rejected[0].headers


def test_a_redelivered_cloud_event_is_recognised_by_its_bytes() -> None:
    columns, _ = decode_predictions(
        [structured(EVENT), structured(EVENT), structured({**EVENT, "prediction": 0})]
    )
    assert columns.digest[0] == columns.digest[1] != columns.digest[2]
    assert np.unique(columns.digest).size == 2
