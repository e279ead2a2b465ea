"""Logs of the processor: one JSON object a line, whatever is logged."""

from __future__ import annotations

import logging
import sys

import orjson

from tiltmeter.cli.logs import JsonLines


def _record(message: str, *args: object, error: bool = False) -> logging.LogRecord:
    trouble = None
    if error:
        try:
            raise ValueError("a\nb")
        except ValueError:
            trouble = sys.exc_info()
    return logging.LogRecord("tiltmeter.test", logging.WARNING, __file__, 1, message, args, trouble)


def test_a_line_has_time_level_logger_and_message() -> None:
    line = orjson.loads(JsonLines().format(_record("%s partitions", 4)))
    assert line["message"] == "4 partitions"
    assert line["level"] == "warning"
    assert line["time"].endswith("+00:00")


def test_a_traceback_does_not_break_the_line() -> None:
    text = JsonLines().format(_record("failed", error=True))
    assert "\n" not in text
    assert "ValueError" in orjson.loads(text)["exception"]
