"""``at`` as callers have it, and as it travels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor

from tiltmeter.events.timestamp import BadTimeError, format_timestamp, parse_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def epoch_ms(value: object) -> int:
    """Integer: milliseconds. Float: seconds. ``datetime`` with a zone, RFC 3339, ``numpy.datetime64``.

    Raises BadTimeError (a ValueError). A time without a zone is refused: the machine's zone is a guess.
    """
    if type(value).__name__ == "datetime64":
        value = f"{str(value)[:23]}Z"  # numpy's are UTC by definition; beyond milliseconds is cut off
    elif not isinstance(value, str | datetime) and callable(item := getattr(value, "item", None)):
        value = item()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadTimeError("a datetime without a time zone; use datetime.now(UTC)")
        value = int((value - _EPOCH) // _MILLISECOND)
    elif isinstance(value, float):
        # To the microsecond first: 1.001 * 1000 is a little less than 1001.
        value = floor(round(value * 1000, 3))
    return parse_timestamp(value)


def rfc3339(milliseconds: int) -> str:
    """``2026-01-01T00:00:00.000Z``."""
    return f"{_whole_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=64)  # events of one second share all but three digits
def _whole_second(second: int) -> str:
    return format_timestamp(second * 1000)[:-5]
