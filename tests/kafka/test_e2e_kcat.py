"""A producer in another language: kcat with the right partitioner is counted, with its default it is noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

from kafka.e2e.deployment import Deployment
from kafka.e2e.polling import eventually
from kafka.e2e.sentinels import send_sentinels
from kafkabroker import Broker

pytestmark = pytest.mark.kafka

N = 400
BEGIN = 1_700_000_000_000
CONFIGURATION = """
[watermark]
delay = "1s"
idle_after = "1h"
"""


@pytest.fixture
def kcat() -> str:
    """A laptop without kcat may skip; CI may not."""
    found = shutil.which("kcat")
    if found is None:
        absent = "kcat is not installed (Debian package kcat): no foreign producer was tried"
        if os.environ.get("CI") == "true":
            pytest.fail(absent, pytrace=False)
        pytest.skip(absent)
    return found


def produce(kcat: str, bootstrap: str, topic: str, events: list[dict[str, object]], *options: str) -> None:
    lines = b"".join(b"%s|%s\n" % (str(e["prediction_id"]).encode(), orjson.dumps(e)) for e in events)
    command = [kcat, "-P", "-b", bootstrap, "-t", topic, "-K", "|", *options]
    subprocess.run(command, input=lines, check=True, timeout=60)


def predictions() -> list[dict[str, object]]:
    return [
        {
            "prediction_id": f"k{i}",
            "model": "foreign",
            "at": BEGIN + i * 100,
            "features": {},
            "prediction": i % 2,
        }
        for i in range(N)
    ]


def feedback() -> list[dict[str, object]]:
    return [{"prediction_id": f"k{i}", "at": BEGIN + i * 100 + 500, "label": 1} for i in range(N)]


def test_events_from_kcat_with_kafkas_partitioner_meet_and_are_counted(
    broker: Broker, topic_prefix: str, tmp_path: Path, kcat: str
) -> None:
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, rest=CONFIGURATION) as live:
        live.command("topics", "create")
        live.worker()
        murmur = ("-X", "partitioner=murmur2_random")
        produce(kcat, broker.bootstrap, live.names.predictions, predictions(), *murmur)
        produce(kcat, broker.bootstrap, live.names.feedback, feedback(), *murmur)
        send_sentinels(live.emitter("sentinel", "1"), 4, BEGIN + 3_600_000)
        status = live.await_status(
            "foreign", lambda status: status["predictions"] == N and status["feedback"]["matched"] == N
        )
        assert status["performance"]["all"]["accuracy"] == 0.5
        assert live.metrics().total("tiltmeter_wrong_partition_total") == 0


def test_events_from_kcat_with_its_own_partitioner_are_noticed(
    broker: Broker, topic_prefix: str, tmp_path: Path, kcat: str
) -> None:
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, rest=CONFIGURATION) as live:
        live.command("topics", "create")
        worker = live.worker().await_ready()
        produce(kcat, broker.bootstrap, live.names.predictions, predictions())
        produce(kcat, broker.bootstrap, live.names.feedback, feedback(), "-X", "partitioner=murmur2_random")

        def noticed() -> bool:
            total = live.metrics().total
            return total("tiltmeter_wrong_partition_total", topic=live.names.predictions) > 0

        eventually(noticed, 30, worker.complaint)
        feedback_alone = {"topic": live.names.feedback}
        assert live.metrics().total("tiltmeter_wrong_partition_total", **feedback_alone) == 0
