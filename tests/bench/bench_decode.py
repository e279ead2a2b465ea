"""What decoding costs per event: ``python tests/bench/bench_decode.py``. Not run by the tests."""

from __future__ import annotations

import random
import timeit
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from tiltmeter.events.columns import LogRecord
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.events.timestamp import format_timestamp, parse_timestamp
from tiltmeter.events.timestamp_column import parse_timestamps

BATCH = 4096
START_MS = 1_767_225_600_000


def predictions(n: int, regression: bool = False) -> list[LogRecord]:
    """Events of 425 bytes: 10 float features, one model."""
    rng = random.Random(7)
    records = []
    for i in range(n):
        event = {
            "prediction_id": f"6f1c1d0e-8a52-4d5e-{i:012d}",
            "model": "credit-risk",
            "version": "3",
            "at": format_timestamp(START_MS + i),
            "features": {f"f{j}": rng.gauss(0, 1) for j in range(10)},
            "prediction": rng.gauss(0, 1) if regression else rng.randrange(2),
            "score": round(rng.random(), 6),
            "latency_ms": 12.5,
        }
        records.append(LogRecord(i, START_MS + i + 5, None, orjson.dumps(event)))
    return records


def feedback(n: int) -> list[LogRecord]:
    records = []
    for i in range(n):
        event = {
            "prediction_id": f"6f1c1d0e-8a52-4d5e-{i:012d}",
            "at": format_timestamp(START_MS + i),
            "label": i % 2,
        }
        records.append(LogRecord(i, START_MS + i + 5, None, orjson.dumps(event)))
    return records


def microseconds(function: Callable[[], Any], events: int) -> float:
    return min(timeit.repeat(function, number=5, repeat=7)) / 5 / events * 1e6


def report(name: str, decode: Callable[[Sequence[Any]], Any], records: list[LogRecord]) -> None:
    values = [record.value for record in records]
    well_formed = [value for value in values if value and value != b"{"]
    size = sum(len(value or b"") for value in values) / len(values)
    parse = microseconds(lambda: list(map(orjson.loads, well_formed)), len(records))
    total = microseconds(lambda: decode(records), len(records))
    print(f"{name:28} {size:5.0f} bytes  {total:6.2f} us/event, of which orjson {parse:.2f}")


def main() -> None:
    report("predictions", decode_predictions, predictions(BATCH))
    report("predictions, regression", decode_predictions, predictions(BATCH, regression=True))
    one_bad = predictions(BATCH)
    one_bad[100] = one_bad[100]._replace(value=b"{")
    report("predictions, one malformed", decode_predictions, one_bad)
    one_bad[100] = one_bad[100]._replace(value=b'{"prediction_id":7}')
    report("predictions, one faulty", decode_predictions, one_bad)
    report("predictions, batch of 64", decode_predictions, predictions(64))
    report("feedback", decode_feedback, feedback(BATCH))
    times = [format_timestamp(START_MS + i) for i in range(BATCH)]
    print(
        f"timestamp, column            {microseconds(lambda: parse_timestamps(times), BATCH) * 1000:6.0f} ns"
    )
    print(f"timestamp, single            {microseconds(lambda: parse_timestamp(times[0]), 1) * 1000:6.0f} ns")


if __name__ == "__main__":
    main()
