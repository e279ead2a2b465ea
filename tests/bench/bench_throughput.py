"""Events per second of one worker, against what is possible and against the plain way: ``make bench`` or

    PYTHONPATH=tests python tests/bench/bench_throughput.py

Every contender reads the same topics of a real broker in a process of its own, from the first event it has
processed to the last: start-up is excluded. Rounds are interleaved. Without Kafka it says so and does nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.throughput.load import PARTITIONS, clear_outputs, fill
from bench.throughput.measured import Measured
from bench.throughput.watched import Watched
from bench.throughput.worker import run_worker
from kafkabroker import KafkaUnavailableError, start_broker
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.topics import TopicNames

EVENTS = int(os.environ.get("BENCH_EVENTS", "400_000"))  # of each topic
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
#: The plain app would need minutes for all of it; its rate does not change.
PLAIN_EVENTS = 60_000
TIMEOUT_SECONDS = 300.0

Contender = Callable[[str, Path], Measured]


def reader(
    module: str, connection: KafkaConnection, names: TopicNames, events: int, group: str, folder: Path
) -> Measured:
    given: dict[str, Any] = {
        "bootstrap": connection.bootstrap_servers,
        "topics": [names.predictions, names.feedback],
        "partitions": PARTITIONS,
        "group": group,
        "events": events,
        "folder": str(folder),
    }
    command = [sys.executable, "-m", f"bench.throughput.{module}", json.dumps(given)]
    with Watched(command, folder, {}) as process:
        said = json.loads(process.output(TIMEOUT_SECONDS).splitlines()[-1])  # Faust prints a banner
    return Measured.of(process, said["events"], said["begin"], said["end"])


def worker(
    connection: KafkaConnection, names: TopicNames, group: str, folder: Path, *, on_disk: bool
) -> Measured:
    clear_outputs(connection, names)
    return run_worker(connection, names, 2 * EVENTS, group, folder, on_disk=on_disk)


def show(results: dict[str, list[Measured]]) -> None:
    bare = next(iter(results.values()))
    print(f"{'':34}{'events/s':>10}{'of bare':>9}{'CPU s per million':>19}{'peak RSS MiB':>14}")
    for name, rounds in results.items():
        rate = statistics.median(m.per_second for m in rounds)
        ratio = statistics.median(m.per_second / b.per_second for m, b in zip(rounds, bare, strict=True))
        cpu = statistics.median(m.cpu_seconds_per_million for m in rounds)
        peak = max(m.peak_rss_bytes for m in rounds) >> 20
        print(f"{name:34}{rate:10,.0f}{ratio:9.3f}{cpu:19.1f}{peak:14}")
        print(" " * 34 + "  ".join(f"{m.per_second:,.0f}" for m in rounds))


def main() -> None:
    names = TopicNames("bench")
    try:
        broker = start_broker(own=True, full_jit=True, heap_mb=1024)
    except KafkaUnavailableError as error:
        print(f"skipped, no Kafka: {error}")
        return
    with broker, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        connection = KafkaConnection(broker.bootstrap)
        fill(connection, names, EVENTS)
        contenders: dict[str, Contender] = {
            "confluent-kafka + orjson.loads": partial(
                reader, "bare_confluent", connection, names, 2 * EVENTS
            ),
            "aiokafka + orjson.loads": partial(reader, "bare_aiokafka", connection, names, 2 * EVENTS),
            "plain Faust app, table join": partial(reader, "plain_faust", connection, names, PLAIN_EVENTS),
            "tiltmeter run, rows in memory": partial(worker, connection, names, on_disk=False),
            "tiltmeter run, rows in RocksDB": partial(worker, connection, names, on_disk=True),
        }
        results: dict[str, list[Measured]] = {name: [] for name in contenders}
        for turn in range(ROUNDS):
            for number, (name, contender) in enumerate(contenders.items()):
                place = Path(folder) / f"{turn}-{number}"
                place.mkdir()
                results[name].append(contender(f"bench-{turn}-{number}", place))
    print(f"{2 * EVENTS:,} events over {PARTITIONS} partitions of two topics, median of {ROUNDS} rounds")
    show(results)


if __name__ == "__main__":
    main()
