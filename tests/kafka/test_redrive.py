"""``tiltmeter redrive`` on a real broker: the same bytes, to the same topic, once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from kafka.e2e.deployment import Deployment
from kafka.e2e.polling import eventually
from kafkabroker import Broker
from tiltmeter.events.columns import LogRecord, Rejected
from tiltmeter.events.reasons import MAX_EVENT_BYTES
from tiltmeter.events.rejected_record import rejected_record
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.partitioner import partition_for

pytestmark = pytest.mark.kafka

PARTITIONS = 3
HOURS_MS = 3_600_000
REDRIVEN = ("__tiltmeter.redriven", b"1")
TRACEPARENT = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def reject(live: Deployment, *items: Rejected, topic: str | None = None, at_ms: int | None = None) -> None:
    """Write to the rejected topic what a worker would."""
    with BlockingProducer(live.connection) as producer:
        for item in items:
            made = rejected_record(item, topic or live.names.predictions, 1)
            producer.produce(
                live.names.rejected, None, made.key, made.value, made.headers, timestamp_ms=at_ms
            )


def item(offset: int, key: bytes | None = b"key", reason: str = "bad_time", value: bytes = b"{}") -> Rejected:
    return Rejected(offset, reason, "why", 0, key, value, [TRACEPARENT])


def early(good: dict[str, Any]) -> list[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    """Key, value and headers of a bare event, a binary and a structured CloudEvent."""
    a, b, c = ({"prediction_id": name, **good} for name in "abc")
    envelope = {"specversion": "1.0", "type": "io.tiltmeter.prediction.v1", "id": "1", "source": "/test"}
    binary = [(f"ce_{name}", text.encode()) for name, text in envelope.items()]
    structured = [("content-type", b"application/cloudevents+json")]
    return [
        (b"a", orjson.dumps(a), [TRACEPARENT]),
        (b"b", orjson.dumps(b), [*binary, TRACEPARENT]),
        (b"c", orjson.dumps({**envelope, "data": c}), structured),
    ]


def arrived(live: Deployment) -> dict[bytes | None, tuple[int, LogRecord]]:
    return {record.value: (partition, record) for partition, record in live.records(live.names.predictions)}


def test_bytes_and_headers_arrive_as_they_were_where_the_key_belongs(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    """All stood in partition 1, whether they belonged there or not."""
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, partitions=PARTITIONS) as live:
        live.command("topics", "create")
        keys = [b"%d" % n for n in range(8)]
        reject(live, *(item(n, key, value=b"\x00\xff" + key) for n, key in enumerate(keys)))
        reject(live, item(8, None, value=b"no key"))

        assert "9 events would be sent back" in live.command("redrive")
        assert arrived(live) == {}
        assert live.command("redrive", "--yes").startswith("9 events sent back")
        found = arrived(live)
        assert len(found) == len(live.records(live.names.predictions)) == 9
        for key in keys:
            partition, record = found[b"\x00\xff" + key]
            assert (partition, record.key) == (partition_for(key, PARTITIONS), key)
            assert record.headers == (TRACEPARENT, REDRIVEN)
        assert found[b"no key"][0] == 1
        assert found[b"no key"][1].key is None


def test_a_second_run_sends_nothing_again(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, partitions=PARTITIONS) as live:
        live.command("topics", "create")
        reject(live, item(1), item(1), item(2, b"other"))
        assert live.command("redrive", "--yes").startswith("2 events sent back")
        said = live.command("redrive", "--yes")
        assert said.startswith("0 events sent back")
        assert "2  sent back before" in said
        assert len(live.records(live.names.predictions)) == 2


def test_times_are_those_of_the_rejection(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """
    rejected at   01:00     02:00     03:00
    --from 01:30 --to 03:00   ^
    """
    noon = 1_767_787_200_000
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, partitions=PARTITIONS) as live:
        live.command("topics", "create")
        for hour in (1, 2, 3):
            reject(live, item(hour, b"%d" % hour), at_ms=noon + hour * HOURS_MS)
        said = live.command(
            "redrive", "--from", "2026-01-07T13:30:00Z", "--to", "2026-01-07T15:00:00Z", "--yes"
        )
        assert said.startswith("1 event sent back")
        assert [record.key for _, record in live.records(live.names.predictions)] == [b"2"]
        # The mark stands behind --to and is found all the same.
        said = live.command(
            "redrive", "--from", "2026-01-07T13:30:00Z", "--to", "2026-01-07T15:00:00Z", "--yes"
        )
        assert said.startswith("0 events sent back")


def test_rejected_sent_back_and_counted_or_rejected_again(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    """Three events, bare and in both envelopes, are too early for their log, whose clock is mended; one is malformed
    for ever; one is too large; one carries an id that is taken."""
    now = int(time.time() * 1000)
    good = {"model": "m", "at": now, "prediction": 1}
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, partitions=PARTITIONS) as live:
        live.command("topics", "create")
        topic = live.names.predictions
        with BlockingProducer(live.connection) as producer:
            for name, value, headers in early(good):
                producer.produce(topic, None, name, value, headers, timestamp_ms=now - 2 * HOURS_MS)
            producer.produce(topic, None, b"d", b"{")
            producer.produce(topic, None, b"e", b" " * (MAX_EVENT_BYTES + 1))
            for prediction in (0, 1):
                value = orjson.dumps({"prediction_id": "f", **good, "prediction": prediction})
                producer.produce(topic, None, b"f", value)
        worker = live.worker().await_ready()
        eventually(lambda: len(live.records(live.names.rejected)) == 6, 30, worker.complaint)
        cut = next(r for _, r in live.records(live.names.rejected) if r.key == b"e")
        assert cut.value == b" " * 65536
        assert dict(cut.headers)["__tiltmeter.errors.size"] == b"%d" % (MAX_EVENT_BYTES + 1)

        said = live.command("redrive", "--yes")
        assert said.splitlines() == [
            "4 events sent back",
            f"           3  future_time, to {topic}",
            f"           1  malformed_json, to {topic}",
            "2 left",
            "           1  not sent back unless --reason names theirs",
            "           1  not whole: too large to be kept",
        ]
        for name, value, headers in early(good):
            again = [record for _, record in live.records(topic) if record.value == value]
            assert [record.headers for record in again] == [(*headers, *more) for more in ((), (REDRIVEN,))]
            assert {record.key for record in again} == {name}
        # Six events, four marks, and the malformed one again.
        eventually(lambda: len(live.records(live.names.rejected)) == 11, 30, worker.complaint)
        said = live.command("redrive", "--max-tries", "1", "--yes")
        assert said.startswith("0 events sent back")
        assert "1  sent back as often as --max-tries allows" in said
        assert live.metrics().total("tiltmeter_rejected_events_total", reason="future_time") == 3
        assert live.metrics().total("tiltmeter_rejected_events_total", reason="malformed_json") == 2
        assert live.metrics().total("tiltmeter_duplicate_predictions_total") == 1
        assert live.metrics().total("tiltmeter_pending_predictions") == 4  # a, b, c and the first f
