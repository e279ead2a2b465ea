"""What a prediction or feedback says, as columns beside its bytes: for a look with SQL, never for a replay.

An archive rejects nothing: a field that cannot be read is null, and so are all fields of a value that holds no
event. The value beside it has whatever was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import orjson
import polars as pl

from tiltmeter.events.columns import Record
from tiltmeter.events.envelope import open_records
from tiltmeter.events.event_types import FEEDBACK_TYPE, PREDICTION_TYPE
from tiltmeter.events.timestamp_column import BAD, parse_timestamps

EVENT_TYPES = {"predictions": PREDICTION_TYPE, "feedback": FEEDBACK_TYPE}
#: Topic → column → type. ``at_ms`` is event time; ``prediction`` and ``label`` are a class's text as it is, and
#: numbers and booleans as JSON writes them.
EVENT_SCHEMAS: dict[str, dict[str, type[pl.DataType]]] = {
    "predictions": {
        "prediction_id": pl.String,
        "model": pl.String,
        "version": pl.String,
        "at_ms": pl.Int64,
        "prediction": pl.String,
        "score": pl.Float64,
    },
    "feedback": {"prediction_id": pl.String, "at_ms": pl.Int64, "label": pl.String},
}


def event_columns(topic: str, records: Sequence[Record]) -> dict[str, list[Any]]:
    """The columns of ``EVENT_SCHEMAS[topic]``, one entry per record; {} for a topic that holds no events."""
    if topic not in EVENT_SCHEMAS:
        return {}
    batch, rejected = open_records(records, EVENT_TYPES[topic])
    columns = {
        name: _READ[name](batch.column("at" if name == "at_ms" else name)) for name in EVENT_SCHEMAS[topic]
    }
    if not rejected:
        return columns
    refused = {item.offset for item in rejected}
    rows = [row for row, record in enumerate(records) if record.offset not in refused]
    return {name: _spread(values, rows, len(records)) for name, values in columns.items()}


def _spread(values: list[Any], rows: list[int], n: int) -> list[Any]:
    spread = [None] * n
    for row, value in zip(rows, values, strict=True):
        spread[row] = value
    return spread


def _texts(values: Sequence[Any]) -> list[str | None]:
    return [value if isinstance(value, str) else None for value in values]


def _times(values: Sequence[Any]) -> list[int | None]:
    return [None if at_ms == BAD else at_ms for at_ms in parse_timestamps(values).tolist()]


def _outcomes(values: Sequence[Any]) -> list[str | None]:
    return [
        value if isinstance(value, str) else orjson.dumps(value).decode() if _is_number(value) else None
        for value in values
    ]


def _scores(values: Sequence[Any]) -> list[float | None]:
    return [float(value) if _is_number(value) and not isinstance(value, bool) else None for value in values]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value)


_READ: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "prediction_id": _texts,
    "model": _texts,
    "version": _texts,
    "at_ms": _times,
    "prediction": _outcomes,
    "label": _outcomes,
    "score": _scores,
}
