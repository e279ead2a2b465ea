"""One line of JSON as an event, checked just enough to be worth sending."""

from __future__ import annotations

from typing import Literal

import orjson

from tiltmeter.emitter.prediction_id import MAX_CHARACTERS
from tiltmeter.emitter.topics import Topics
from tiltmeter.kafka.emit_port import Outgoing

Kind = Literal["auto", "prediction", "feedback"]


class UnusableLineError(ValueError):
    """Not an event; the message says why."""


def read_line(line: bytes, topics: Topics, kind: Kind = "auto") -> Outgoing:
    """The event as it stands on the line, byte for byte: the processor is the judge of the rest.

    ``auto``: feedback has a ``label`` and neither ``features`` nor ``prediction``. Raises UnusableLineError.
    """
    raw = line.strip()
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnusableLineError(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise UnusableLineError("not a JSON object")
    identity = document.get("prediction_id")
    if not isinstance(identity, str) or not 1 <= len(identity) <= MAX_CHARACTERS:
        raise UnusableLineError(f"prediction_id is a string of 1 to {MAX_CHARACTERS} characters")
    if kind == "auto":
        is_feedback = "label" in document and not document.keys() & {"features", "prediction"}
    else:
        is_feedback = kind == "feedback"
    return Outgoing(topics.feedback if is_feedback else topics.predictions, identity.encode(), raw)
