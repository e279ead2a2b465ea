"""Whatever producers send: columns say what a row-by-row reading says, and no record costs another.

The reference below reads one record at a time in plain Python. It shares with the columns only what has tests of
its own: parsing a document, a time and a class key.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise
from typing import Any

import orjson
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiltmeter.events.class_key import class_key
from tiltmeter.events.columns import FeedbackColumns, LogRecord, PredictionColumns
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.events.envelope import UnusableError, parse_object
from tiltmeter.events.timestamp import BadTimeError, parse_timestamp

Row = dict[str, Any]
KAFKA_MS = 1_767_225_600_000


class Refused(Exception):  # noqa: N818  (an outcome, not an error)
    """Carries the reason."""


# --- the reference ---------------------------------------------------------------------------------------------


def name(document: Row, field: str, noun: str) -> str:
    value = document.get(field)
    if value is None:
        raise Refused(f"missing_{noun}")
    if not isinstance(value, str) or not 1 <= len(value) <= 256:
        raise Refused(f"bad_{noun}")
    return value


def time(document: Row, record: LogRecord) -> tuple[int, int]:
    if document.get("at") is None:
        raise Refused("missing_time")
    try:
        at = parse_timestamp(document["at"])
    except BadTimeError:
        raise Refused("bad_time") from None
    if record.timestamp < 0:
        return at, at
    if at > record.timestamp + 3_600_000:
        raise Refused("future_time")
    return at, min(at, record.timestamp)


def outcome(value: Any) -> Row:
    if value is None:
        return {"kind": 0, "label": b"", "value": None}
    if isinstance(value, bool | str):
        return {"kind": 1, "label": class_key(value), "value": None}
    return {"kind": 3 if isinstance(value, float) else 2, "label": class_key(value), "value": float(value)}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def optional(document: Row, field: str, imperfect: Counter[str], usable: Any, absent: Any) -> Any:
    value = document.get(field)
    if value is None:
        return absent
    if usable(value):
        return value
    imperfect[field] += 1
    return absent


def entries(document: Row, field: str, imperfect: Counter[str], most: int, usable: Any) -> Row:
    value = optional(document, field, imperfect, lambda v: isinstance(v, dict) and len(v) <= most, {})
    kept = {key: entry for key, entry in value.items() if usable(key, entry)}
    imperfect[field] += len(kept) < len(value)
    return kept


def cell(value: Any) -> tuple[int, float | None, str | None]:
    if value is None:
        return 1, None, None
    if isinstance(value, bool):
        return 4, None, str(value).lower()
    if isinstance(value, str):
        return 4, None, value
    if isinstance(value, int | float):
        return (0, float(value), None) if math.isfinite(value) else (3, None, None)
    return 2, None, None


def features(document: Row, imperfect: Counter[str]) -> dict[str, tuple[int, float | None, str | None]]:
    named = entries(document, "features", imperfect, 1000, lambda key, _: 1 <= len(key) <= 128)
    cells = {key: cell(value) for key, value in named.items()}
    signs = ("nan", "inf", "-inf")
    reported = entries(
        document, "nonfinite", imperfect, 1000, lambda key, v: 1 <= len(key) <= 128 and v in signs
    )
    for key in reported:
        if cells.get(key, cell(None))[0] == 1:
            cells[key] = (3, None, None)
    return {key: value for key, value in cells.items() if value[0] != 1}


def score(document: Row, prediction: Any, imperfect: Counter[str]) -> float | None:
    own = optional(document, "score", imperfect, is_number, None)

    def usable(by_class: Any) -> bool:
        return isinstance(by_class, dict) and all(is_number(p) and 0 <= p <= 1 for p in by_class.values())

    by_class = optional(document, "probabilities", imperfect, usable, {})
    if own is None and prediction is not None:
        spellings = (
            [prediction] if isinstance(prediction, str) else [class_key(prediction).decode(), str(prediction)]
        )
        if isinstance(prediction, bool):
            spellings.insert(1, str(prediction).lower())
        own = next(
            (by_class[key] for key in ("1", "true", "True", "1.0", *spellings) if key in by_class), None
        )
    return None if own is None else float(own)


def whole(low: int, high: int) -> Any:
    return lambda v: is_number(v) and v == math.floor(v) and low <= v <= high


def prediction_row(record: LogRecord, imperfect: Counter[str]) -> Row:
    document = parse_object(record.value)
    identity, model = name(document, "prediction_id", "id"), name(document, "model", "model")
    at, event = time(document, record)
    prediction, failed = document.get("prediction"), document.get("status") == "error"
    good = prediction is None or isinstance(prediction, str | bool) or is_number(prediction)
    if not failed and (prediction is None or not good):
        raise Refused("missing_prediction" if prediction is None else "bad_prediction")
    if isinstance(document.get("features"), dict) and len(document["features"]) > 1000:
        raise Refused("too_many_features")
    imperfect["prediction"] += not good
    prediction = prediction if good else None
    optional(document, "status", imperfect, lambda v: v in ("ok", "error"), None)
    is_name = lambda v: isinstance(v, str) and 1 <= len(v) <= 256  # noqa: E731
    is_segment = lambda k, v: 1 <= len(k) <= 64 and isinstance(v, str) and 1 <= len(v) <= 128  # noqa: E731
    latency = optional(document, "latency_ms", imperfect, lambda v: is_number(v) and 0 <= v <= 1e9, None)
    return {
        **envelope_row(record, identity, at, event),
        **outcome(prediction),
        "model": model,
        "version": optional(document, "version", imperfect, is_name, "unversioned"),
        "features": features(document, imperfect),
        "segments": entries(document, "segments", imperfect, 16, is_segment),
        "score": score(document, prediction, imperfect),
        "ok": not failed,
        "weight": optional(document, "weight", imperfect, whole(1, 10**9), 1),
        "latency_us": -1 if latency is None else round(latency * 1000.0),
    }


def feedback_row(record: LogRecord, imperfect: Counter[str]) -> Row:
    document = parse_object(record.value)
    identity = name(document, "prediction_id", "id")
    at, event = time(document, record)
    label = document.get("label")
    if label is None:
        raise Refused("missing_label")
    if not isinstance(label, str | bool) and not is_number(label):
        raise Refused("nonfinite_label" if isinstance(label, float) else "bad_label")
    propensity = optional(
        document, "label_propensity", imperfect, lambda v: is_number(v) and 0 < v <= 1, None
    )
    return {
        **envelope_row(record, identity, at, event),
        **outcome(label),
        "revision": optional(document, "revision", imperfect, whole(0, 2**53 - 1), -1),
        "propensity": None if propensity is None else float(propensity),
    }


def envelope_row(record: LogRecord, identity: str, at: int, event: int) -> Row:
    key = xxhash.xxh3_128_digest(identity.encode())
    digest = xxhash.xxh3_64_intdigest(record.value or b"")
    return {"offset": record.offset, "at_ms": at, "event_ms": event, "key": key, "digest": digest}


def read(records: list[LogRecord], row: Any) -> tuple[list[Row], dict[str, int], list[tuple[int, str]]]:
    rows, rejected, imperfect = [], [], Counter[str]()
    for record in records:
        try:
            rows.append(row(record, imperfect))
        except (Refused, UnusableError) as refusal:
            rejected.append((record.offset, str(getattr(refusal, "reason", refusal))))
    return rows, {field: count for field, count in imperfect.items() if count}, rejected


# --- columns as rows -------------------------------------------------------------------------------------------


def number(value: float) -> float | None:
    return None if math.isnan(value) else value


def common(columns: PredictionColumns | FeedbackColumns) -> list[Row]:
    return [
        {
            "offset": int(columns.offset[row]),
            "at_ms": int(columns.at_ms[row]),
            "event_ms": int(columns.event_ms[row]),
            "key": columns.keys[row],
            "digest": int(columns.digest[row]),
            "kind": int(columns.kind[row]),
            "label": bytes(columns.label[row]),
            "value": number(float(columns.value[row])),
        }
        for row in range(len(columns))
    ]


def prediction_rows(columns: PredictionColumns) -> list[Row]:
    rows = common(columns)
    for index, group in enumerate(columns.groups):
        assert group.rows.tolist() == sorted(group.rows.tolist())
        for place, row in enumerate(group.rows.tolist()):
            assert columns.group[row] == index
            cells = {}
            for feature, column in group.features.items():
                assert len(column.numbers) == len(column.states) == len(group.rows)
                text = column.texts[place] if column.texts is not None else None
                cells[feature] = (int(column.states[place]), number(float(column.numbers[place])), text)
            rows[row] |= {
                "model": group.model,
                "version": group.version,
                "features": {feature: value for feature, value in cells.items() if value[0] != 1},
                "segments": {
                    k: texts[place] for k, texts in group.segments.items() if texts[place] is not None
                },
                "score": number(float(columns.score[row])),
                "ok": bool(columns.ok[row]),
                "weight": int(columns.weight[row]),
                "latency_us": int(columns.latency_us[row]),
            }
    return rows


def feedback_rows(columns: FeedbackColumns) -> list[Row]:
    return [
        row | {"revision": int(revision), "propensity": number(float(propensity))}
        for row, revision, propensity in zip(
            common(columns), columns.revision, columns.propensity, strict=True
        )
    ]


# --- what producers send ---------------------------------------------------------------------------------------

EDGES = st.sampled_from(
    [
        0,
        1,
        -1,
        2.0,
        0.5,
        -0.0,
        1e300,
        10**9 + 1,
        2**63,
        2**64,
        -(2**63) - 1,
        10**30,
        math.nan,
        math.inf,
        -math.inf,
    ]
)
TEXT = st.one_of(
    st.text(max_size=6), st.sampled_from(["", "1", "true", "é" * 40, "x" * 129, "x" * 257, "\0", "nan"])
)
SCALAR = st.one_of(st.none(), st.booleans(), EDGES, st.integers(-5, 5), st.floats(), TEXT)
ANY = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=5
)
TIMES = st.one_of(
    st.sampled_from(
        ["2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00.001Z", "2026-01-01T00:00:00", KAFKA_MS]
    ),
    st.integers(KAFKA_MS - 10**7, KAFKA_MS + 10**7),
)
NAMES = st.sampled_from(["a", "b", "c", "1", "true", "x" * 65])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "prediction_id": TEXT,
    "model": st.sampled_from(["m", "n"]),
    "version": st.sampled_from(["1", "2"]),
    "at": TIMES,
    "features": st.dictionaries(st.sampled_from("abc") | TEXT, SCALAR, max_size=4),
    "nonfinite": st.dictionaries(
        st.sampled_from("abc"), st.sampled_from(["nan", "inf", "-inf", "none"]), max_size=2
    ),
    "prediction": SCALAR,
    "label": SCALAR,
    "score": st.floats(0, 1),
    "probabilities": st.dictionaries(NAMES, st.floats(0, 1) | EDGES, max_size=2),
    "latency_ms": st.floats(0, 1e10),
    "status": st.sampled_from(["ok", "error", "failed"]),
    "segments": st.dictionaries(NAMES, TEXT, max_size=3),
    "weight": st.integers(0, 20) | st.sampled_from([2.0, 2.5, 1e300]),
    "revision": st.integers(-1, 3) | st.sampled_from([2.0, 2.5, 2**53]),
    "label_propensity": st.floats(0, 1),
    "unknown": ANY,
}
NEEDED = ("prediction_id", "model", "at", "prediction", "label")
GOOD = {"prediction_id": "p", "model": "m", "at": KAFKA_MS, "prediction": 1, "label": 1}


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    fields = draw(st.sets(st.sampled_from(sorted(FIELDS))))
    document = GOOD | {field: draw(FIELDS[field]) for field in sorted(fields)}
    for field in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=2)):
        document[field] = draw(ANY)
    for field in draw(st.lists(st.sampled_from(NEEDED), max_size=1)) if draw(st.booleans()) else ():
        del document[field]
    return json.dumps(document, ensure_ascii=draw(st.booleans())).encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    value = draw(documents())
    at = draw(st.integers(0, len(value) - 1))
    return value[:at] + draw(st.binary(max_size=3)) + value[at + draw(st.integers(0, 5)) :]


PREDICTION = b'{"prediction_id":"p","model":"m","at":0,"prediction":1,"features":%s}'
HOSTILE = [
    b"",
    b" ",
    b"\0\0\0\0\x01{}",
    b"[" * 5000,
    b'{"a":' * 2000,
    b"9" * 5000,
    b'{"at":' + b"9" * 5000 + b"}",
    b"\xef\xbb\xbf{}",
    b'{"prediction_id":"\\ud800"}',
    b'{"prediction_id":"\\ud800","at":NaN}',
    b'{"prediction_id":"a","prediction_id":"b"}',
    b"{} {}",
    b"NaN",
    b"{}",
    PREDICTION % (b'{"a":' * 300 + b"1" + b"}" * 300),
    PREDICTION % (b'{"a":NaN,"b":' + b"[" * 300 + b"]" * 300 + b"}"),
    PREDICTION % b'{"a":1e400,"b":-1e400,"c":1e-400}',
    PREDICTION % (b'{"a":%s}' % (b"9" * 400)),
    PREDICTION % orjson.dumps({f"f{i}": i for i in range(1001)}),
    b'{"prediction_id":"p","at":NaN,"label":1,"model":"m","prediction":1}',
    b" " * ((1 << 20) + 1),
]
VALUES = st.one_of(
    documents(), documents(), damaged(), st.sampled_from(HOSTILE), st.none(), st.binary(max_size=20)
)
BATCHES = st.lists(st.tuples(VALUES, st.sampled_from([KAFKA_MS, KAFKA_MS + 5, -1])), max_size=12)
SLOW = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def to_records(batch: list[tuple[bytes | None, int]]) -> list[LogRecord]:
    return [LogRecord(offset, timestamp, None, value) for offset, (value, timestamp) in enumerate(batch)]


@SLOW
@given(BATCHES)
def test_predictions_as_columns_are_what_each_record_says(batch: list[tuple[bytes | None, int]]) -> None:
    records = to_records(batch)
    columns, rejected = decode_predictions(records)
    got = prediction_rows(columns), columns.imperfect, [(item.offset, item.reason) for item in rejected]
    assert got == read(records, prediction_row)


@SLOW
@given(BATCHES)
def test_feedback_as_columns_is_what_each_record_says(batch: list[tuple[bytes | None, int]]) -> None:
    records = to_records(batch)
    columns, rejected = decode_feedback(records)
    got = feedback_rows(columns), columns.imperfect, [(item.offset, item.reason) for item in rejected]
    assert got == read(records, feedback_row)


@SLOW
@given(BATCHES, st.lists(st.integers(0, 12), max_size=3))
def test_where_a_batch_is_cut_changes_no_row(batch: list[tuple[bytes | None, int]], cuts: list[int]) -> None:
    records = to_records(batch)
    ends = sorted({0, len(records), *(min(cut, len(records)) for cut in cuts)})
    parts = [decode_predictions(records[a:b])[0] for a, b in pairwise(ends)]
    assert prediction_rows(decode_predictions(records)[0]) == [
        row for part in parts for row in prediction_rows(part)
    ]


@SLOW
@given(st.lists(st.lists(SCALAR, min_size=3, max_size=3), min_size=1, max_size=8), st.booleans())
def test_events_of_one_shape_are_transposed_exactly(cells: list[list[Any]], numeric: bool) -> None:
    rows = [[value if is_number(value) else 0 for value in row] if numeric else row for row in cells]
    events = [GOOD | {"features": dict(zip("abc", row, strict=True))} for row in rows]
    records = to_records([(json.dumps(event).encode(), -1) for event in events])
    assert prediction_rows(decode_predictions(records)[0]) == read(records, prediction_row)[0]


@SLOW
@given(
    st.lists(st.dictionaries(st.integers(0, 40).map(str), SCALAR | ANY, max_size=3), min_size=1, max_size=12)
)
def test_events_that_share_few_names_are_read_exactly(rows: list[dict[str, Any]]) -> None:
    records = to_records([(json.dumps(GOOD | {"features": row}).encode(), -1) for row in rows])
    assert prediction_rows(decode_predictions(records)[0]) == read(records, prediction_row)[0]


def test_events_that_invent_their_names_cost_no_more_than_their_bytes() -> None:
    events = [GOOD | {"features": {f"f{i}_{j}": 1 for j in range(500)}} for i in range(300)]
    columns, _ = decode_predictions(to_records([(orjson.dumps(event), -1) for event in events]))
    cells = sum(len(group.features) * len(group.rows) for group in columns.groups)
    assert cells <= 4 * 300 * 500 + (1 << 14) * len(columns.groups)
    assert cells < 10 * 300 * 500
    assert sorted(row for group in columns.groups for row in group.rows.tolist()) == list(range(300))
