"""From records to JSON objects: the first step of decoding, where a record can still be anything."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import orjson

from tiltmeter.events.batch import Batch
from tiltmeter.events.cloudevent import envelope_in, take_off
from tiltmeter.events.columns import Record, Rejected
from tiltmeter.events.document import Document, UnusableError, parse_object
from tiltmeter.events.reasons import MAX_EVENT_BYTES
from tiltmeter.events.rejection import reject

_headers = attrgetter("headers")


def open_records(records: Sequence[Record], event_type: str) -> tuple[Batch, list[Rejected]]:
    """The records that hold an event, bare or as a CloudEvent of ``event_type``, in order, and the others."""
    documents = _parse_all([record.value for record in records])
    if documents is not None and not any(map(_headers, records)):
        batch = Batch(records, documents)
        if batch.find("specversion") is None:
            return batch, []
    kept: list[Record] = []
    kept_documents: list[Document] = []
    rejected: list[Rejected] = []
    for row, record in enumerate(records):
        try:
            kept_documents.append(_open(record, None if documents is None else documents[row], event_type))
            kept.append(record)
        except UnusableError as error:
            rejected.append(reject(record, error.reason, error.detail))
    return Batch(kept, kept_documents), rejected


def _open(record: Record, parsed: Document | None, event_type: str) -> Document:
    """``parsed``: the value, if that is known to be an object."""
    if not record.value:
        return parse_object(record.value)
    # Before the value is parsed: what another type of event holds need not be JSON.
    envelope = envelope_in(record.headers, event_type) if record.headers else None
    document = parse_object(record.value) if parsed is None else parsed
    return take_off(document, envelope, event_type)


def _parse_all(values: Sequence[Any]) -> list[Document] | None:
    """All documents, or None if some record needs a closer look."""
    if set(map(type, values)) - {bytes} or max(map(len, values), default=0) > MAX_EVENT_BYTES:
        return None
    try:
        documents = list(map(orjson.loads, values))
    except orjson.JSONDecodeError:
        return None
    return None if set(map(type, documents)) - {dict} else documents
