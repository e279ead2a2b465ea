"""One ``tiltmeter run`` over the whole stream, timed by its join log.

The broker stamps every record of the join log when a micro-batch is decided: the first and the last stamp, and
the events between them, exclude start-up, and reading them afterwards disturbs nothing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.throughput.load import PARTITIONS
from bench.throughput.measured import Measured
from bench.throughput.watched import Watched
from tiltmeter.core.join.decision import split_header
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.topics import TopicNames

TIMEOUT_SECONDS = 300.0


def run_worker(
    connection: KafkaConnection, names: TopicNames, events: int, group: str, folder: Path, *, on_disk: bool
) -> Measured:
    """Until the join log says that ``events`` have been processed."""
    environment = {
        "TILTMETER_KAFKA__BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "TILTMETER_KAFKA__TOPIC_PREFIX": names.prefix,
        "TILTMETER_PROCESSOR__GROUP": group,
    }
    if on_disk:
        environment["TILTMETER_PROCESSOR__STATE_DIR"] = str(folder / "state")
    with Watched([sys.executable, "-m", "tiltmeter", "run", "--port", "0"], folder, environment) as worker:
        log = JoinLog(connection, names)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while log.events() < events:
            worker.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{log.events():,} of {events:,} events:\n{worker.complaint()}")
            time.sleep(1.0)
        worker.stop()
    begin, first, end = log.span()
    return Measured.of(worker, events - first, begin, end)


class JoinLog:
    """What the worker has decided so far."""

    def __init__(self, connection: KafkaConnection, names: TopicNames) -> None:
        self._connection = connection
        self._next = {TopicPartition(names.joinlog, p): 0 for p in range(PARTITIONS)}
        self._batches: list[tuple[int, int]] = []  # (append time, events)

    def events(self) -> int:
        with PartitionReader(self._connection) as reader:
            for where, records in reader.read_many_to_end(dict(self._next)):
                self._next[where] = records[-1].offset + 1
                for record in records:
                    header, _ = split_header(record.value or b"")
                    if header["type"] == "batch":
                        self._batches.append((record.timestamp, header["next"] - header["first"]))
        return sum(events for _, events in self._batches)

    def span(self) -> tuple[float, int, float]:
        """When the first batch was done, how many events it had, and when the last one was; seconds."""
        done = sorted(batch for batch in self._batches if batch[1])
        return done[0][0] / 1000, done[0][1], done[-1][0] / 1000
