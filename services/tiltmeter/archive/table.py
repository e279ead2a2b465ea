"""Records of one partition as a table, and back: the same bytes, a missing value told from an empty one."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tiltmeter.archive.event_columns import EVENT_SCHEMAS, event_columns
from tiltmeter.events.columns import LogRecord

_HEADERS = pl.List(pl.Struct({"name": pl.String, "value": pl.Binary}))
#: What a record is, whatever its topic. ``timestamp_ms`` is Kafka's, negative where there is none.
RECORD_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "partition": pl.Int32,
    "offset": pl.Int64,
    "timestamp_ms": pl.Int64,
    "key": pl.Binary,
    "value": pl.Binary,
    "headers": _HEADERS,
}


def to_table(topic: str, partition: int, records: Sequence[LogRecord]) -> pl.DataFrame:
    """One row per record in order; ``topic`` as in ``EVENT_SCHEMAS`` adds the columns of its events."""
    columns = {
        "partition": [partition] * len(records),
        "offset": [record.offset for record in records],
        "timestamp_ms": [record.timestamp for record in records],
        "key": [record.key for record in records],
        "value": [record.value for record in records],
        "headers": _header_column(records),
        **event_columns(topic, records),
    }
    return pl.DataFrame(columns, schema={**RECORD_SCHEMA, **EVENT_SCHEMAS.get(topic, {})})


def _header_column(records: Sequence[LogRecord]) -> pl.Series:
    """From flat columns: polars reads nested lists thirty times slower, and most topics have no headers at all."""
    flat = [(row, *header) for row, record in enumerate(records) for header in record.headers]
    if not flat:
        return pl.Series([[]], dtype=_HEADERS).new_from_index(0, len(records))
    pairs = pl.DataFrame(flat, {"row": pl.Int64, "name": pl.String, "value": pl.Binary}, orient="row")
    lists = pairs.group_by("row", maintain_order=True).agg(pl.struct("name", "value").alias("headers"))
    rows = pl.DataFrame({"row": range(len(records))}, {"row": pl.Int64})
    found = rows.join(lists, on="row", how="left", maintain_order="left")
    return found.select(pl.col("headers").fill_null(pl.lit([], dtype=_HEADERS)))["headers"]


def to_records(table: pl.DataFrame) -> list[LogRecord]:
    """What :func:`to_table` was given."""
    headers = table["headers"]
    pairs: list[tuple[tuple[str, bytes | None], ...]]
    if not headers.list.len().sum():
        pairs = [()] * len(table)
    else:
        pairs = [tuple((pair["name"], pair["value"]) for pair in row) for row in headers.to_list()]
    plain = (table[name].to_list() for name in ("offset", "timestamp_ms", "key", "value"))
    return [LogRecord(*row) for row in zip(*plain, pairs, strict=True)]
