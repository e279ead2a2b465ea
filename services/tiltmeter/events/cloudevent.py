"""CloudEvents 1.0 as Kafka carries them: the envelope is checked and taken off, the data is the event.

::

    binary       headers ce_specversion, ce_type, ce_time, ...    value: the event
    structured   content-type: application/cloudevents+json       value: {"specversion": "1.0", "type": ...,
                                                                          "time": ..., "data": the event}

A JSON object with ``specversion`` and ``data`` is structured without the header, too: files and some bridges lose
headers. The event takes its time from the envelope where it names none; nothing else is taken from there, least of
all ``id``, which names a message and not a prediction. A type that is not ours is refused even if its data would
do: the type says what the data mean, and a major version that is not known yet may mean something else.

Source: CloudEvents 1.0.2, ``spec.md``, ``formats/json-format.md``, ``bindings/kafka-protocol-binding.md``.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiltmeter.events.document import Document, UnusableError, as_object, parse_object
from tiltmeter.events.reasons import Reason

SPEC_VERSION = "1.0"
#: Media types of the JSON format; other formats (Avro, Protobuf, batches) are not read.
_STRUCTURED = ("application/cloudevents+json", "application/cloudevents")
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers say. ``attributes`` is None where the value holds them: structured mode."""

    attributes: Mapping[str, Any] | None


def envelope_in(headers: Sequence[tuple[str, bytes | None]], event_type: str) -> Envelope | None:
    """None: the headers name no CloudEvent. Raises :class:`UnusableError` for one that is not of ``event_type``."""
    # Some clients hand a header without a value on as None. Names compare without case: bridges from HTTP.
    texts = {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in headers}
    media = texts.get("content-type", "").partition(";")[0].strip().lower()
    if media.startswith("application/cloudevents"):
        if media not in _STRUCTURED:
            raise UnusableError(Reason.BAD_ENVELOPE, f"content-type {media[:_SHOWN]!r}")
        return Envelope(None)
    if "ce_specversion" not in texts:
        return None
    attributes = {name[3:]: text for name, text in texts.items() if name.startswith("ce_")}
    _check(attributes, event_type, "header ce_")
    return Envelope(attributes)


def take_off(document: Document, envelope: Envelope | None, event_type: str) -> Document:
    """The event inside; ``document`` itself where there is no envelope. May change ``document``."""
    if envelope is not None and envelope.attributes is not None:
        return _timed(document, envelope.attributes)
    if envelope is None and not _is_structured(document):
        return document
    _check(document, event_type, "$.")
    return _timed(_data(document), document)


def _is_structured(document: Document) -> bool:
    return "specversion" in document and ("data" in document or "data_base64" in document)


def _check(attributes: Mapping[str, Any], event_type: str, where: str) -> None:
    version, found = attributes.get("specversion"), attributes.get("type")
    if version != SPEC_VERSION:
        raise UnusableError(Reason.BAD_ENVELOPE, f"{where}specversion: {_shown(version)}")
    if found != event_type:
        raise UnusableError(Reason.UNKNOWN_TYPE, f"{where}type: {_shown(found)}, not {event_type!r}")


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return repr(value[:_SHOWN]) if isinstance(value, str) else "not a string"


def _data(document: Document) -> Document:
    data, encoded = document.get("data"), document.get("data_base64")
    if data is not None:
        return as_object(data, "$.data")
    if not isinstance(encoded, str):
        raise UnusableError(Reason.BAD_ENVELOPE, "$.data: missing")
    try:
        return parse_object(b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise UnusableError(Reason.BAD_ENVELOPE, "$.data_base64: not Base64") from None


def _timed(event: Document, attributes: Mapping[str, Any]) -> Document:
    if event.get("at") is None and attributes.get("time") is not None:
        event["at"] = attributes["time"]
    return event
