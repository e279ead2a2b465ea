"""What cannot be used is not lost: it arrives on the rejected topic with its reason, and as the bytes it was."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from kafka.e2e.deployment import Deployment
from kafka.e2e.polling import eventually
from kafkabroker import Broker
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.blocking_producer import BlockingProducer

pytestmark = pytest.mark.kafka

GOOD = {
    "prediction_id": "good",
    "model": "m",
    "at": "2024-01-01T00:00:00Z",
    "features": {"x": 1},
    "prediction": 1,
}
BAD_PREDICTIONS = {
    "malformed_json": b'{"prediction_id": "a", ',
    "not_an_object": b"[1, 2]",
    "missing_id": orjson.dumps({**GOOD, "prediction_id": None}),
    "missing_model": orjson.dumps({k: v for k, v in GOOD.items() if k != "model"}),
    "bad_time": orjson.dumps({**GOOD, "at": "yesterday"}),
    "missing_prediction": orjson.dumps({k: v for k, v in GOOD.items() if k != "prediction"}),
}
BAD_FEEDBACK = {
    "malformed_json": b"\xff\xfe\x00",
    "missing_label": b'{"prediction_id":"good","at":1704067200000}',
}
PREFIX = "__tiltmeter.errors."


def test_rejected_events_keep_their_bytes_and_gain_headers_that_say_where_they_stood(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, partitions=2) as live:
        live.command("topics", "create")
        with BlockingProducer(live.connection) as producer:
            for topic, events in (
                (live.names.predictions, BAD_PREDICTIONS),
                (live.names.feedback, BAD_FEEDBACK),
            ):
                for value in events.values():
                    producer.produce(topic, 1, b"key", value, [("origin", b"test")])
                    producer.produce(topic, 1, b"good", orjson.dumps({**GOOD, "label": 1}))
        worker = live.worker().await_ready()
        expected = {
            *((live.names.predictions, reason, value) for reason, value in BAD_PREDICTIONS.items()),
            *((live.names.feedback, reason, value) for reason, value in BAD_FEEDBACK.items()),
        }
        eventually(lambda: len(live.records(live.names.rejected)) >= len(expected), 30, worker.complaint)
        rejected = [record for _, record in live.records(live.names.rejected)]
        assert {(said(r, "topic"), said(r, "reason"), r.value) for r in rejected} == expected
        assert len(rejected) == len(expected)

        sources = {
            (topic, partition, record.offset): record.value
            for topic in (live.names.predictions, live.names.feedback)
            for partition, record in live.records(topic)
        }
        for record in rejected:
            where = (said(record, "topic"), int(said(record, "partition")), int(said(record, "offset")))
            assert sources[where] == record.value
            assert record.key == b"key"
            assert dict(record.headers)["origin"] == b"test"
            assert said(record, "message")

        def counted() -> bool:
            return live.metrics().total("tiltmeter_rejected_events_total") == len(expected)

        eventually(counted, 10, worker.complaint)
        for reason in BAD_PREDICTIONS:
            of = {"topic": live.names.predictions, "reason": reason}
            assert live.metrics().total("tiltmeter_rejected_events_total", **of) == 1


def said(record: LogRecord, name: str) -> str:
    return dict(record.headers)[PREFIX + name].decode()
