"""What a plain Faust agent makes of a topic, one record at a time: the rate to compare batches with."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

import faust


def main(config: dict[str, Any]) -> None:
    app = faust.App(
        config["group"],
        broker=f"kafka://{config['bootstrap']}",
        datadir=str(Path(config["dir"])),
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    topic = app.topic(config["topic"], value_type=bytes, value_serializer="raw")
    seen = 0
    started = 0.0

    @app.agent(topic)
    async def count(stream: AsyncIterable[bytes]) -> None:
        nonlocal seen, started
        async for _ in stream:
            started = started or time.monotonic()
            seen += 1
            if seen == config["records"]:
                rate = seen / (time.monotonic() - started)
                print(json.dumps({"records_per_second": round(rate)}), file=sys.__stdout__, flush=True)

    app.finalize()
    # Faust sends what is printed to its log, hence sys.__stdout__ above.
    sys.argv = ["plain", "worker", "--without-web", "-l", "error"]
    app.main()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
