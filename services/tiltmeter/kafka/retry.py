"""Ask again while the cluster is between two leaders: a moved partition must not end a restore."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from tiltmeter.kafka.errors import translate

T = TypeVar("T")

PAUSE_SECONDS = 0.05

TRANSIENT = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.KAFKA_STORAGE_ERROR,
    }
)


def retry_transient(request: Callable[[], T], doing: str, timeout_seconds: float) -> T:
    """The answer of ``request``, which must be safe to repeat; KafkaLogError for anything that lasts."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return request()
        except KafkaException as error:
            if error.args[0].code() not in TRANSIENT or time.monotonic() > deadline:
                raise translate(error, doing) from error
        time.sleep(PAUSE_SECONDS)
