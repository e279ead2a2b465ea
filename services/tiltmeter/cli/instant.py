"""A time on the command line."""

from __future__ import annotations

import click

from tiltmeter.events.timestamp import BadTimeError, parse_timestamp


class Instant(click.ParamType):
    """RFC 3339 with an offset, or epoch milliseconds; passed on as epoch milliseconds."""

    name = "time"

    def convert(self, value: str | int, param: click.Parameter | None, context: click.Context | None) -> int:
        try:
            return parse_timestamp(int(value) if isinstance(value, str) and value.isdecimal() else value)
        except BadTimeError as error:
            self.fail(f"{value!r}: {error}. Write 2026-01-01T00:00:00Z.", param, context)
