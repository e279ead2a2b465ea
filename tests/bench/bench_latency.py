"""Seconds from closable to the alert, on a real broker: ``make bench`` or

    PYTHONPATH=tests python tests/bench/bench_latency.py

Without Kafka it says so and does nothing.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from kafka.e2e import latency
from kafka.e2e.deployment import Deployment
from kafkabroker import KafkaUnavailableError, start_broker

PARTITIONS = 4
TRIALS = int(os.environ.get("BENCH_TRIALS", "50"))


def main() -> None:
    try:
        broker = start_broker(own=True, full_jit=True)
    except KafkaUnavailableError as error:
        print(f"skipped, no Kafka: {error}")
        return
    with (
        broker,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Deployment(
            Path(folder), broker.bootstrap, "latency", partitions=PARTITIONS, rest=latency.CONFIGURATION
        ) as live,
    ):
        live.command("topics", "create")
        latency.publish_references(live, TRIALS)
        live.worker().await_ready()
        measured = latency.measure(live, TRIALS, PARTITIONS)
    print(f"{TRIALS} panes over {PARTITIONS} partitions; milliseconds from closable: median, 90 %, most")
    for kind in latency.KINDS:
        of_kind = [one for one in measured if one.kind == kind]
        for where, seconds in (
            ("alerts topic", [one.on_topic for one in of_kind]),
            ("/metrics", [one.on_metrics for one in of_kind]),
        ):
            low, high = np.quantile(seconds, [0.5, 0.9])
            print(f"{kind:16}{where:14}{low * 1e3:8.0f}{high * 1e3:8.0f}{max(seconds) * 1e3:8.0f}")


if __name__ == "__main__":
    main()
