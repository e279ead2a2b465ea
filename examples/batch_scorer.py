"""Score a CSV file and report every row: ``python batch_scorer.py rows.csv localhost:9092``.

A batch job produces faster than Kafka may take. The emitter would drop rather than wait, so the job waits
itself, every few thousand rows.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from tiltmeter.emitter import Emitter

FLUSH_EVERY_ROWS = 10_000  # well below max_queue
FLUSH_SECONDS = 60.0


def expected_rentals(features: dict[str, float]) -> float:
    """Where your model goes."""
    return 20.0 + sum(features.values())


def main(path: str, bootstrap_servers: str) -> int:
    with Path(path).open(newline="") as rows, Emitter(bootstrap_servers, model="rentals") as emitter:
        for number, row in enumerate(csv.DictReader(rows), 1):
            identity, at = row.pop("id"), row.pop("at")  # at: RFC 3339, when the row was true
            features = {name: float(text) for name, text in row.items()}
            emitter.prediction(features, expected_rentals(features), prediction_id=identity, at=at)
            if number % FLUSH_EVERY_ROWS == 0:
                emitter.flush(FLUSH_SECONDS)
        emitter.flush(FLUSH_SECONDS)
        stats = emitter.stats()
    print(stats)
    return 0 if stats.delivered == stats.accepted and not stats.dropped_queue_full else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
