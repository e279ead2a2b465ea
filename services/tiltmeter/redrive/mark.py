"""Written to the rejected topic behind an event that was sent back, so that it is sent back once, ever.

A second run would otherwise send every event of the first one again: within the deduplication period each counts as
a repetition, after it as another prediction. An event that is rejected again stands at a new offset and is another
rejected event.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from tiltmeter.events.columns import Record
from tiltmeter.events.rejected_record import PREFIX, Headers

#: JSON: [topic, partition, offset] of the event.
MARK = "__tiltmeter.redriven.position"


class Position(NamedTuple):
    """Where an event stands in its source topic."""

    topic: str
    partition: int
    offset: int


def mark_headers(position: Position) -> Headers:
    """Of a record with the event's key, and no value."""
    return [(MARK, orjson.dumps(list(position)))]


def read_mark(record: Record) -> Position | None:
    """None for any other record; a producer's own header of this name makes no mark of a rejected event."""
    headers = dict(record.headers)
    if record.value is not None or MARK not in headers or any(name.startswith(PREFIX) for name in headers):
        return None
    try:
        match orjson.loads(headers[MARK] or b""):
            case [str() as topic, int() as partition, int() as offset]:
                return Position(topic, partition, offset)
    except orjson.JSONDecodeError:
        pass
    return None
