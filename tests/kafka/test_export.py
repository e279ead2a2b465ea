"""``tiltmeter export`` on a real broker: times, transactions, and a replay that finds the same alerts."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest
from confluent_kafka import Producer

from kafka.e2e.deployment import Deployment
from kafkabroker import Broker
from tiltmeter.archive.read import archived_partitions
from tiltmeter.events.timestamp import format_timestamp
from tiltmeter.kafka.blocking_producer import BlockingProducer

pytestmark = pytest.mark.kafka

PANE_MS = 10_000
#: Of today: retention looks at the records' times, also while a test runs.
START = int(time.time() * 1000) // PANE_MS * PANE_MS - 7_200_000
ROWS = 8_000
CONFIGURATION = """
[models.m]
pane = "10s"
windows = { short = 6, long = 60 }
"""


def reference_file(live: Deployment) -> Path:
    random = np.random.default_rng(1)
    x, prediction = random.normal(size=4_000), random.integers(0, 2, 4_000)
    label = np.where(random.random(4_000) < 0.05, 1 - prediction, prediction)
    rows, out = live.folder / "rows.csv", live.folder / "m-1.json"
    pl.DataFrame({"x": x, "prediction": prediction, "label": label}).write_csv(rows)
    live.command("reference", "build", str(rows), "--model", "m", "--version", "1", "--out", str(out))
    return out


def fill(live: Deployment) -> None:
    """A model that breaks half way, in envelopes and bare; partition 3 stays empty."""
    random = np.random.default_rng(2)
    envelope = {"ce_specversion": b"1.0", "ce_type": b"io.tiltmeter.prediction.v1", "traceparent": b"00-1"}
    with BlockingProducer(live.connection) as producer:
        for n in range(ROWS):
            at, key, answer = START + n * 50, b"p%d" % n, int(random.integers(0, 2))
            wrong = random.random() < (0.05 if n < ROWS // 2 else 0.5)
            event = {"prediction_id": f"p{n}", "model": "m", "version": "1", "at": at, "prediction": answer}
            event["features"] = {"x": random.normal()}
            headers = list(envelope.items()) if n % 3 == 0 else []
            value = b"not json" if n % 997 == 5 else orjson.dumps(event)
            producer.produce(live.names.predictions, n % 3, key, value, headers, timestamp_ms=at)
            label = {"prediction_id": f"p{n}", "at": at + 20, "label": 1 - answer if wrong else answer}
            producer.produce(live.names.feedback, n % 3, key, orjson.dumps(label), timestamp_ms=at + 20)


def test_a_backtest_over_the_archive_writes_the_bytes_of_one_over_the_topics(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, rest=CONFIGURATION) as live:
        live.command("topics", "create")
        reference = str(reference_file(live))
        fill(live)
        whole = str(tmp_path / "whole")
        said = live.command("export", "--to", whole, "--rows-per-file", "1000")
        assert said.startswith(f"{live.names.predictions}: {ROWS:,} records")
        topics = live.command("backtest", "--reference", reference)
        assert live.command("backtest", "--reference", reference, "--archive", whole) == topics
        transitions = [
            line["transition"] for line in map(orjson.loads, topics.splitlines()) if "transition" in line
        ]
        assert "firing" in transitions

        since, until = format_timestamp(START + 60_000), START + 300_000
        part = str(tmp_path / "part")
        live.command("export", "--to", part, "--since", since, "--until", str(until))
        topics = live.command("backtest", "--reference", reference, "--from", since, "--to", str(until))
        assert live.command("backtest", "--reference", reference, "--archive", part) == topics
        assert orjson.loads(topics.splitlines()[-1])["records"] == 2 * 240_000 // 50
        times = pl.read_parquet(Path(part) / "predictions")["timestamp_ms"]
        assert (times.min(), times.max()) == (START + 60_000, until - 50)


def test_every_topic_can_be_kept_and_nothing_a_transaction_took_back(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    with Deployment(tmp_path, broker.bootstrap, topic_prefix) as live:
        live.command("topics", "create")
        producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic_prefix})
        producer.init_transactions()
        for end, value in (
            (producer.commit_transaction, b"a"),
            (producer.abort_transaction, b"b"),
            (producer.commit_transaction, b"c"),
        ):
            producer.begin_transaction()
            for topic in ("panes", "alerts", "rejected", "predictions", "feedback"):
                producer.produce(
                    f"{topic_prefix}.{topic}", value, b"key", 0, headers=[("h", None), ("h", b"\xff")]
                )
            producer.flush()
            end()
        topics = ("panes", "alerts", "rejected", "predictions", "feedback")
        live.command("export", "--to", str(tmp_path / "a"), *(f"--topic={topic}" for topic in topics))
        for topic in topics:
            records = [
                record for part in archived_partitions(tmp_path / "a", topic) for record in part.records()
            ]
            assert [(record.offset, record.key, record.value) for record in records] == [
                (0, b"key", b"a"),
                (4, b"key", b"c"),
            ]
            assert records[0].headers == (("h", None), ("h", b"\xff"))
