"""Decoding, by example: what a reader of the columns relies on."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.events.columns import (
    CELL_MISSING,
    CELL_NONFINITE,
    CELL_OK,
    CELL_TEXT,
    CELL_TYPE_ERROR,
    LogRecord,
)
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.events.reasons import MAX_EVENT_BYTES, Reason

NOON = 1_767_787_200_000
EVENT = {"prediction_id": "p", "model": "m", "version": "1", "at": NOON, "prediction": 1}


def records(*events: dict[str, Any] | bytes | None, timestamp: int = NOON) -> list[LogRecord]:
    return [
        LogRecord(100 + i, timestamp, b"k", orjson.dumps(event) if isinstance(event, dict) else event)
        for i, event in enumerate(events)
    ]


def test_an_empty_batch_is_empty_columns() -> None:
    for decode in (decode_predictions, decode_feedback):
        columns, rejected = decode([])
        assert (len(columns), rejected) == (0, [])
        assert (columns.label.dtype, columns.offset.dtype) == (np.dtype("S24"), np.dtype("int64"))


def test_one_bad_record_costs_only_itself() -> None:
    columns, rejected = decode_predictions(records(EVENT, b"{", EVENT, None, {**EVENT, "at": "noon"}, EVENT))
    assert columns.offset.tolist() == [100, 102, 105]
    assert [(item.offset, item.reason) for item in rejected] == [
        (101, "malformed_json"),
        (103, "empty_value"),
        (104, "bad_time"),
    ]


def test_a_rejection_says_what_is_wrong_where_and_what_to_do() -> None:
    _, rejected = decode_predictions(
        records({**EVENT, "prediction_id": 7}, {**EVENT, "at": "2026-01-07T12:00:00"})
    )
    assert rejected[0].detail == (
        "$.prediction_id: Input should be a valid string. "
        "Send prediction_id as a string of 1 to 256 characters; quote numeric ids."
    )
    assert "$.at: Value error, no time zone: add Z or an offset such as +02:00." in rejected[1].detail


def test_every_reason_has_advice_of_one_sentence() -> None:
    for reason in Reason:
        assert reason.advice.endswith(".")
        assert reason.value == reason.name.lower()


@pytest.mark.parametrize(
    ("kafka_ms", "event_ms"),
    [(NOON + 5, NOON), (NOON - 5, NOON - 5), (NOON - 3_600_000, NOON - 3_600_000), (-1, NOON)],
)
def test_the_earlier_of_event_and_log_time_moves_the_watermark(kafka_ms: int, event_ms: int) -> None:
    columns, _ = decode_predictions(records(EVENT, timestamp=kafka_ms))
    assert (columns.at_ms.tolist(), columns.event_ms.tolist()) == ([NOON], [event_ms])


def test_more_than_an_hour_ahead_of_the_log_is_the_future() -> None:
    _, rejected = decode_predictions(records(EVENT, timestamp=NOON - 3_600_001))
    assert [item.reason for item in rejected] == ["future_time"]


def test_an_event_too_large_is_not_parsed() -> None:
    _, rejected = decode_feedback(records(b" " * (MAX_EVENT_BYTES + 1)))
    assert [item.reason for item in rejected] == ["too_large"]


def test_cells_of_every_state() -> None:
    rows = [{"a": 1}, {"a": None}, {}, {"a": "x"}, {"a": True}, {"a": [1]}, {"a": None}]
    events = [{**EVENT, "features": row} for row in rows]
    events[-1]["nonfinite"] = {"a": "inf"}
    columns, _ = decode_predictions(records(*events))
    (group,) = columns.groups
    cells = group.features["a"]
    assert cells.states.tolist() == [
        CELL_OK, CELL_MISSING, CELL_MISSING, CELL_TEXT, CELL_TEXT, CELL_TYPE_ERROR, CELL_NONFINITE
    ]  # fmt: skip
    assert cells.texts == [None, None, None, "x", "true", None, None]
    assert np.array_equal(cells.numbers, [1.0] + [np.nan] * 6, equal_nan=True)


def test_a_value_that_is_there_wins_over_the_report_that_it_is_not_finite() -> None:
    event = {**EVENT, "features": {"a": 1.5}, "nonfinite": {"a": "nan", "b": "-inf"}}
    columns, _ = decode_predictions(records(event))
    states = {name: column.states.tolist() for name, column in columns.groups[0].features.items()}
    assert states == {"a": [CELL_OK], "b": [CELL_NONFINITE]}


def test_a_whole_float_is_an_integer_and_another_is_not() -> None:
    columns, _ = decode_predictions(records(*({**EVENT, "weight": weight} for weight in (3.0, 2.5, 3))))
    assert (columns.weight.tolist(), columns.imperfect) == ([3, 1, 3], {"weight": 1})


def test_python_writes_nan_and_the_event_is_kept() -> None:
    value = b'{"prediction_id":"p","model":"m","at":%d,"prediction":1,"features":{"a":NaN,"b":2}}' % NOON
    columns, rejected = decode_predictions(records(value))
    assert rejected == []
    assert columns.groups[0].features["a"].states.tolist() == [CELL_NONFINITE]
    assert columns.groups[0].features["b"].numbers.tolist() == [2.0]


def test_rows_are_grouped_by_model_and_version() -> None:
    models = ["a", "b", "a", "b", "a"]
    events = [{**EVENT, "model": model, "version": str(i // 4)} for i, model in enumerate(models)]
    columns, _ = decode_predictions(records(*events))
    assert [(group.model, group.version, group.rows.tolist()) for group in columns.groups] == [
        ("a", "0", [0, 2]),
        ("b", "0", [1, 3]),
        ("a", "1", [4]),
    ]
    assert columns.group.tolist() == [0, 1, 0, 1, 2]


def test_rows_of_a_group_stay_in_log_order_in_a_large_batch() -> None:
    columns, _ = decode_predictions(records(*({**EVENT, "model": f"m{i * 7 % 3}"} for i in range(1000))))
    for group in columns.groups:
        assert np.all(np.diff(group.rows) > 0)


def test_a_binary_prediction_without_score_takes_the_probability_of_class_one() -> None:
    probabilities = {"0": 0.75, "1": 0.25}
    events = [
        {**EVENT, "prediction": 0, "probabilities": probabilities, "score": 0.5},
        {**EVENT, "prediction": 0, "probabilities": probabilities},
        {**EVENT, "prediction": False, "probabilities": {"true": 0.25, "false": 0.75}},
    ]
    columns, _ = decode_predictions(records(*events))
    assert columns.score.tolist() == [0.5, 0.25, 0.25]


def test_a_prediction_of_another_class_without_score_takes_the_probability_of_its_class() -> None:
    probabilities = {"cat": 0.25, "dog": 0.75}
    events = [
        {**EVENT, "prediction": "dog", "probabilities": probabilities},
        {**EVENT, "prediction": "fox", "probabilities": probabilities},
    ]
    columns, _ = decode_predictions(records(*events))
    assert np.array_equal(columns.score, [0.75, np.nan], equal_nan=True)


def test_what_is_wrong_with_an_optional_field_is_counted_and_the_field_is_absent() -> None:
    wrong = {
        **EVENT,
        "weight": 0,
        "latency_ms": "fast",
        "score": True,
        "version": 3,
        "segments": {"region": 1},
    }
    columns, rejected = decode_predictions(records(wrong, EVENT))
    assert rejected == []
    assert columns.imperfect == {"weight": 1, "latency_ms": 1, "score": 1, "version": 1, "segments": 1}
    assert columns.weight.tolist() == [1, 1]
    assert columns.latency_us.tolist() == [-1, -1]
    assert [group.version for group in columns.groups] == ["unversioned", "1"]


def test_equal_ids_have_equal_keys_and_equal_bytes_equal_digests() -> None:
    columns, _ = decode_predictions(records(EVENT, EVENT, {**EVENT, "prediction": 2}))
    assert len(set(columns.keys)) == 1
    assert columns.digest[0] == columns.digest[1] != columns.digest[2]
    feedback, _ = decode_feedback(records({"prediction_id": "p", "at": NOON, "label": True}))
    assert feedback.keys[0] == columns.keys[0]
    assert feedback.label[0] == columns.label[0] == b"1"
