"""From the bytes of a record to a JSON object."""

from __future__ import annotations

import json
from typing import Any

import orjson

from tiltmeter.events.reasons import MAX_EVENT_BYTES, Reason

Document = dict[str, Any]

_EXACT_INTEGER_DIGITS = 19
_JSON_NAMES = {list: "array", str: "string", int: "number", float: "number", bool: "boolean"}


class UnusableError(Exception):
    """The record holds no event."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def parse_object(value: bytes | None) -> Document:
    """One JSON object. Raises :class:`UnusableError`, and nothing else whatever the bytes."""
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
    return as_object(document, "$")


def as_object(value: object, path: str) -> Document:
    """``value`` if it is a JSON object; :class:`UnusableError` names what it is instead."""
    if not isinstance(value, dict):
        name = _JSON_NAMES.get(type(value), "null")
        raise UnusableError(Reason.NOT_AN_OBJECT, f"{path}: a JSON {name}")
    return value


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
