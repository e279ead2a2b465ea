"""A rejected event as a record of the rejected topic, and back (semantics 22).

Key, value and headers are the producer's, byte for byte; what we know is added as headers behind them:

================  =================================================================================
``topic``         with ``partition`` and ``offset``: where the event stands. A repetition is one event
``timestamp``     its Kafka timestamp there, epoch milliseconds
``reason``        of the closed set in :mod:`tiltmeter.events.reasons`
``message``       what is wrong and what to do, for a human
``app.version``   of the Tiltmeter that rejected it
``size``          only of an event that was cut: how many bytes its value had
``sha256``        only of an event that was cut: of its whole value, in hexadecimal
================  =================================================================================

An event is cut if its value has more than 1 MiB, or if key, value and headers together do not fit the topic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tiltmeter import __version__
from tiltmeter.events.columns import Record, Rejected
from tiltmeter.events.reasons import MAX_EVENT_BYTES

PREFIX = "__tiltmeter.errors."
#: How often the event has been sent back to its topic. Stays with the event when that is rejected again.
REDRIVEN = "__tiltmeter.redriven"
#: Of a cut event this much is kept: of the value, of the key, and of all headers together.
KEPT_BYTES = 64 * 1024
#: Key, value and headers as they came; the topic takes 2 MiB with ours.
MAX_WHOLE_BYTES = MAX_EVENT_BYTES + MAX_EVENT_BYTES // 2
_MESSAGE_CHARACTERS = 1024

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """What is written to the rejected topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """What a record of the rejected topic tells. ``headers`` are the producer's; ``cut``: bytes are missing."""

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    redriven: int
    cut: bool

    @property
    def position(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.offset


def rejected_record(item: Rejected, topic: str, partition: int) -> RejectedRecord:
    """``topic`` and ``partition`` are where ``item`` was read."""
    ours = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(item.offset),
        "timestamp": str(item.timestamp),
        "reason": str(item.reason),
        "message": item.detail[:_MESSAGE_CHARACTERS],
        "app.version": __version__,
    }
    key, value, headers = item.key, item.value, list(item.headers)
    whole = value or b""
    if len(whole) > MAX_EVENT_BYTES or len(whole) + len(key or b"") + _size(headers) > MAX_WHOLE_BYTES:
        ours |= {"size": str(len(whole)), "sha256": hashlib.sha256(whole).hexdigest()}
        key = None if key is None else key[:KEPT_BYTES]
        value, headers = whole[:KEPT_BYTES], _first(headers)
    added = [(PREFIX + name, text.encode("utf-8", "replace")) for name, text in ours.items()]
    return RejectedRecord(key, value, [*headers, *added])


def read_rejected(record: Record) -> RejectedEvent | None:
    """None for a record that this module did not write."""
    # The last of equal names is ours: a producer may have sent such headers itself.
    ours = {
        name.removeprefix(PREFIX): value or b"" for name, value in record.headers if name.startswith(PREFIX)
    }
    partition, offset = _number(ours.get("partition")), _number(ours.get("offset"))
    if partition is None or offset is None or not ours.keys() >= {"topic", "reason"}:
        return None
    theirs = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    return RejectedEvent(
        topic=ours["topic"].decode("utf-8", "replace"),
        partition=partition,
        offset=offset,
        reason=ours["reason"].decode("utf-8", "replace"),
        key=record.key,
        value=record.value,
        headers=[(name, value) for name, value in theirs if name != REDRIVEN],
        redriven=max((_number(value) or 0 for name, value in theirs if name == REDRIVEN), default=0),
        cut="sha256" in ours,
    )


def _size(headers: Headers) -> int:
    return sum(len(name.encode("utf-8", "replace")) + len(value or b"") for name, value in headers)


def _first(headers: Headers) -> list[tuple[str, bytes | None]]:
    kept: list[tuple[str, bytes | None]] = []
    left = KEPT_BYTES
    for header in headers:
        left -= _size([header])
        if left < 0:
            break
        kept.append(header)
    return kept


def _number(text: bytes | None) -> int | None:
    return int(text) if text is not None and text.isdigit() and len(text) < 20 else None
