"""From records to JSON objects: the first step of decoding, where a record can still be anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

from tiltmeter.events.batch import Batch
from tiltmeter.events.columns import Record, Rejected
from tiltmeter.events.reasons import MAX_EVENT_BYTES, Reason
from tiltmeter.events.rejection import reject

Document = dict[str, Any]

_EXACT_INTEGER_DIGITS = 19


class UnusableError(Exception):
    """The record holds no JSON object."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def payloads(records: Sequence[Record]) -> list[bytes | None]:
    """The JSON of each record. The one place where an envelope (CloudEvents) is to be taken off."""
    return [record.value for record in records]


def open_records(records: Sequence[Record]) -> tuple[Batch, list[Rejected]]:
    """The records that hold a JSON object, in order, and the others."""
    values = payloads(records)
    documents = _parse_all(values)
    if documents is not None:
        return Batch(records, documents), []
    kept: list[Record] = []
    kept_documents: list[Document] = []
    rejected: list[Rejected] = []
    for record, value in zip(records, values, strict=True):
        try:
            kept_documents.append(parse_object(value))
            kept.append(record)
        except UnusableError as error:
            rejected.append(reject(record, error.reason, error.detail))
    return Batch(kept, kept_documents), rejected


def _parse_all(values: Sequence[Any]) -> list[Document] | None:
    """All documents, or None if some record needs a closer look."""
    if set(map(type, values)) - {bytes} or max(map(len, values), default=0) > MAX_EVENT_BYTES:
        return None
    try:
        documents = list(map(orjson.loads, values))
    except orjson.JSONDecodeError:
        return None
    return None if set(map(type, documents)) - {dict} else documents


def parse_object(value: bytes | None) -> Document:
    """One event's JSON object. Raises :class:`UnusableError`, and nothing else whatever the bytes."""
    if not value:
        raise UnusableError(Reason.EMPTY_VALUE, "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise UnusableError(Reason.TOO_LARGE, f"{len(value)} bytes")
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        document = _parse_nonfinite(value)
        if document is None:
            raise _malformed(value, error) from None
    if not isinstance(document, dict):
        raise UnusableError(Reason.NOT_AN_OBJECT, f"$: a JSON {_JSON_NAMES.get(type(document), 'null')}")
    return document


_JSON_NAMES = {list: "array", str: "string", int: "number", float: "number", bool: "boolean"}


def _malformed(value: bytes, error: orjson.JSONDecodeError) -> UnusableError:
    if value[0] == 0 and len(value) >= 5:
        schema_id = int.from_bytes(value[1:5], "big")
        return UnusableError(Reason.SCHEMA_REGISTRY_FRAMING, f"schema id {schema_id} before the payload")
    return UnusableError(Reason.MALFORMED_JSON, f"$: {error}")


def _parse_nonfinite(value: bytes) -> Any:
    """JSON but for numbers that are not finite (``NaN``, ``Infinity``, ``1e400``), else None.

    Python's own ``json.dumps`` writes them by default, so they are the commonest flaw there is: such a feature
    is counted as non-finite and its event is kept (semantics 21). Writing the document again refuses what
    only this lenient parser lets through: lone surrogates and absurd nesting.
    """
    try:
        document = json.loads(value.decode("utf-8"), parse_int=_parse_integer)
        orjson.dumps(document)
    except (ValueError, TypeError, RecursionError):
        return None
    return document


def _parse_integer(text: str) -> int | float:
    return int(text) if len(text) <= _EXACT_INTEGER_DIGITS else float(text)
