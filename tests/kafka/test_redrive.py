"""``tiltmeter redrive`` on a real broker: the same bytes, to the same topic, once."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from kafka.e2e.deployment import Deployment
from kafka.e2e.polling import eventually
from kafkabroker import Broker
from tiltmeter.events.columns import LogRecord, Rejected
from tiltmeter.events.reasons import MAX_EVENT_BYTES
from tiltmeter.events.rejected_record import rejected_record
from tiltmeter.events.timestamp import format_timestamp
from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.errors import RecordRefusedError
from tiltmeter.kafka.partitioner import partition_for

pytestmark = pytest.mark.kafka

PARTITIONS = 3
HOURS_MS = 3_600_000
LIMIT = 20_000
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


def largest_accepted(live: Deployment, headers: list[tuple[str, bytes]]) -> bytes:
    """The largest value that the topic of predictions takes with these headers; random, so no codec shrinks it."""
    fits, too_large = 0, LIMIT
    while fits + 1 < too_large:
        size = (fits + too_large) // 2
        value = random.Random(size).randbytes(size)
        try:
            with BlockingProducer(live.connection) as producer:
                producer.produce(live.names.predictions, 1, b"key", value, headers)
            fits = size
        except RecordRefusedError:
            too_large = size
    return random.Random(fits).randbytes(fits)


def set_limit(live: Deployment, topic: str, limit: int) -> None:
    """Returns when the broker says so, too."""
    change = ConfigEntry("max.message.bytes", str(limit), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[change])
    client = AdminClient(live.connection.librdkafka())  # its futures end with it
    for done in client.incremental_alter_configs([resource]).values():
        done.result(30)
    admin = TopicAdmin(live.connection)
    eventually(lambda: admin.describe([topic])[0].config["max.message.bytes"] == str(limit), 30)


def test_an_event_that_filled_its_topic_s_limit_is_reported_and_the_others_go(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    """All of one key, so that the others travel with the one that is too large, and are refused with it."""
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, partitions=PARTITIONS) as live:
        live.command("topics", "create")
        set_limit(live, live.names.predictions, LIMIT)
        value = largest_accepted(live, [TRACEPARENT])
        reject(live, *(item(n, value=b"%d" % n) for n in range(5)), item(5, value=value), item(6, value=b"6"))

        failed = live.run("redrive", "--yes")
        assert failed.returncode == 1
        assert failed.stdout.startswith("6 events sent back")
        assert f"{live.names.predictions}, partition 1, offset 5 (bad_time)" in failed.stderr
        assert "max.message.bytes" in failed.stderr

        def sent_back() -> list[bytes | None]:
            return [r.value for _, r in live.records(live.names.predictions) if REDRIVEN in r.headers]

        assert sorted(v or b"" for v in sent_back()) == [b"0", b"1", b"2", b"3", b"4", b"6"]
        set_limit(live, live.names.predictions, LIMIT + 1024)
        assert live.command("redrive", "--yes").startswith("1 event sent back")
        assert sent_back().count(value) == 1
        assert len(sent_back()) == 7


def test_times_are_those_of_the_rejection(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """
    rejected at   1 h     2 h     3 h after the start, all of them of today: retention looks at the times, too
    --from 1.5 h --to 3 h  ^
    """
    start = int(time.time() * 1000) - 4 * HOURS_MS
    times = [format_timestamp(start + minutes * 60_000) for minutes in (90, 180)]
    between = ("redrive", "--from", times[0], "--to", times[1], "--yes")
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, partitions=PARTITIONS) as live:
        live.command("topics", "create")
        for hour in (1, 2, 3):
            reject(live, item(hour, b"%d" % hour), at_ms=start + hour * HOURS_MS)
        said = live.command(*between)
        assert said.startswith("1 event sent back")
        assert [record.key for _, record in live.records(live.names.predictions)] == [b"2"]
        # The mark stands behind --to and is found all the same.
        said = live.command(*between)
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
