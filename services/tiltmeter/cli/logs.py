"""Logs of the processor: JSON lines for machines, plain lines where a person looks. Never a feature's value."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

#: Libraries that tell more than an operator wants to know, and ours where Faust logs under our names.
_NOISY = (
    "aiokafka",
    "faust",
    "mode",
    "aiohttp.access",
    "tiltmeter.processor.engine.app",
    "tiltmeter.processor.transport",
    "tiltmeter.processor.transport_thread",
)


class JsonLines(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, and the traceback as text if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def configure_logs(verbose: bool) -> None:
    """To standard error."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    handler.setFormatter(plain if sys.stderr.isatty() else JsonLines())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
    # It warns of every rebalance: a worker that comes or goes is no trouble, and what is gets logged as an error.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(
        logging.INFO if verbose else logging.ERROR
    )
