"""What one would write first: a Faust agent per topic, one event at a time, a table between them.

It joins and counts right answers, and nothing else: no features, no event time, no repetitions, no alerts.
"""

from __future__ import annotations

import sys
from typing import Any

import faust
from faust.streams import Stream

from bench.throughput.reading import Reading, arguments


def main() -> None:
    given = arguments()
    app = faust.App(
        given["group"],
        broker=f"kafka://{given['bootstrap']}",
        datadir=given["folder"],
        store="memory://",
        key_serializer="raw",
        value_serializer="json",
        topic_partitions=given["partitions"],
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    predictions, labels = (app.topic(name, key_type=bytes) for name in given["topics"])
    predicted = app.Table("predicted", key_type=bytes, value_type=int)
    reading = Reading(given["events"])
    right = 0

    @app.agent(predictions)
    async def remember(stream: Stream[dict[str, Any]]) -> None:
        async for key, event in stream.items():
            predicted[key] = event["prediction"]
            reading.count()

    @app.agent(labels)
    async def judge(stream: Stream[dict[str, Any]]) -> None:
        nonlocal right
        async for key, event in stream.items():
            right += predicted.get(key) == event["label"]
            reading.count()

    app.finalize()
    sys.argv = ["plain", "worker", "--without-web", "-l", "error"]
    app.main()


if __name__ == "__main__":
    main()
