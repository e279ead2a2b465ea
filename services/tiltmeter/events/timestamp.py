"""Event time on the wire: RFC 3339 with an offset, or epoch milliseconds, in; RFC 3339 UTC, milliseconds, out.

Time is kept as integer milliseconds; digits beyond are cut off (towards the past), never rounded up into the
next pane. A time without an offset is refused: guessing its zone would move events between panes silently.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: Event time lies in [1970-01-01, 2200-01-01).
MIN_MS, MAX_MS = 0, 7_258_118_400_000

RFC3339 = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"([.][0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_RFC3339 = re.compile(RFC3339)
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.,]*)?\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class BadTimeError(ValueError):
    """Not an event time; the message says why."""


def parse_timestamp(value: object) -> int:
    """Epoch milliseconds of ``at`` as JSON carries it. Raises :class:`BadTimeError`.

    A float that is a whole number is taken as an integer: JSON does not tell them apart, and JavaScript and
    pandas write them. A boolean is not a time, although Python counts it as an integer.
    """
    if isinstance(value, str):
        milliseconds = _parse_text(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise BadTimeError("a time is a string or an integer")
    elif isinstance(value, float) and not value.is_integer():
        raise BadTimeError("a numeric time is whole milliseconds since 1970, not seconds with a fraction")
    else:
        milliseconds = int(value)
    if not MIN_MS <= milliseconds < MAX_MS:
        raise BadTimeError("outside 1970-01-01 to 2200-01-01")
    return milliseconds


def _parse_text(text: str) -> int:
    # fullmatch: "$" alone would let a trailing newline through.
    if _RFC3339.fullmatch(text) is None:
        if _LOCAL.match(text):
            raise BadTimeError("no time zone: add Z or an offset such as +02:00")
        raise BadTimeError("not an RFC 3339 time such as 2026-01-01T00:00:00.000Z")
    try:
        return (datetime.fromisoformat(text.upper()) - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as error:
        raise BadTimeError(f"no such time: {error}") from None


def format_timestamp(milliseconds: int) -> str:
    """The one form written: ``2026-01-01T00:00:00.000Z``."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
