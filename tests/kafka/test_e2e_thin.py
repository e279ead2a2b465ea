"""The main job, once: topics, a reference, events, a worker; then what it serves and what it alerts.

error rate   5 %        60 %     5 %
panes       |---10---|---2---|------50------|
alert                 firing      resolved
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest

from kafka.e2e.deployment import Deployment
from kafka.e2e.published import alert_values
from kafka.e2e.sentinels import everything_arrived, send_sentinels
from kafkabroker import Broker
from tiltmeter.events.timestamp import parse_timestamp

pytestmark = pytest.mark.kafka

MODEL, VERSION = "churn", "7"
BEGIN = 1_700_000_000_000
PANE_MS, ROWS = 10_000, 100
ERROR_RATES = [0.05] * 10 + [0.60] * 2 + [0.05] * 50

CONFIGURATION = f"""
[watermark]
delay = "2s"
idle_after = "1h"

[models.{MODEL}]
pane = "10s"
windows = {{ short = 6, long = 360 }}

[models.{MODEL}.tolerances]
learning_panes = 0
"""


def reference_file(folder: Path) -> Path:
    random = np.random.default_rng(1)
    prediction = random.integers(0, 2, 5_000)
    wrong = random.random(5_000) < ERROR_RATES[0]
    label = np.where(wrong, 1 - prediction, prediction)
    rows = pl.DataFrame({"x": random.normal(size=5_000), "prediction": prediction, "label": label})
    rows.write_csv(folder / "held_out.csv")
    return folder / "held_out.csv"


def serve(live: Deployment) -> int:
    """Sends everything; returns how many predictions were right. Labels come up to 30 s later, in that order."""
    random = np.random.default_rng(2)
    sends: list[tuple[int, int, str]] = []
    answers, right = [], 0
    for pane, rate in enumerate(ERROR_RATES):
        for row in range(ROWS):
            at = BEGIN + pane * PANE_MS + row * PANE_MS // ROWS
            prediction = int(random.integers(0, 2))
            label = 1 - prediction if random.random() < rate else prediction
            right += prediction == label
            number = len(answers)
            answers.append((f"p{number}", float(random.normal()), prediction, label))
            sends.append((at, number, "prediction"))
            sends.append((at + int(random.integers(1, 30_000)), number, "feedback"))
    emitter = live.emitter(MODEL, VERSION)
    for at, number, kind in sorted(sends):
        identity, x, prediction, label = answers[number]
        if kind == "prediction":
            emitter.prediction({"x": x}, prediction, prediction_id=identity, at=at)
        else:
            emitter.feedback(identity, label, at=at)
    everything_arrived(emitter)
    send_sentinels(emitter, partitions=4, at_ms=BEGIN + 3_600_000)
    return right


def test_events_become_exact_numbers_and_a_bad_hour_becomes_an_alert_that_resolves(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    with Deployment(tmp_path, broker.bootstrap, topic_prefix, rest=CONFIGURATION) as live:
        assert live.command("topics", "create").count("created") == 8
        profile = tmp_path / "churn-7.json"
        build = ("reference", "build", str(reference_file(tmp_path)), "--out", str(profile))
        live.command(*build, "--model", MODEL, "--version", VERSION)
        live.command("reference", "publish", str(profile))
        live.worker().await_ready()

        right = serve(live)
        n = ROWS * len(ERROR_RATES)
        status = live.await_status(MODEL, lambda s: s["predictions"] == n and s["feedback"]["matched"] == n)
        assert status["reference_id"] == orjson.loads(profile.read_bytes())["reference_id"]
        assert status["features"]["x"]["cells"][:2] == [n, 0]
        assert status["performance"]["all"]["correct"] == right
        assert status["performance"]["all"]["accuracy"] == right / n
        assert status["firing"] == []

        metrics = live.metrics()
        of = {"model": MODEL, "version": VERSION, "segment": ""}
        assert metrics("tiltmeter_predictions_total", **of) == n
        assert metrics("tiltmeter_feedback_total", **of, outcome="matched") == n
        assert metrics("tiltmeter_window_samples", **of, window="long") == n
        assert metrics("tiltmeter_accuracy_ratio", **of, window="long") == right / n
        assert metrics("tiltmeter_pane_conflicts_total", model=MODEL) == 0
        assert metrics.total("tiltmeter_wrong_partition_total") == 0

        for _, record in live.records(live.names.alerts):
            alert = orjson.loads(record.value or b"")
            assert dict(record.headers) == {
                "ce_specversion": b"1.0",
                "ce_type": b"io.tiltmeter.alert.v1",
                "ce_source": f"/{topic_prefix}".encode(),
                "ce_id": alert["id"].encode(),
                "ce_time": alert["pane_end"].encode(),
                "content-type": b"application/json",
            }
        alerts = [orjson.loads(value) for value in alert_values(live, MODEL)]
        told = [(a["kind"], a["severity"], a["transition"]) for a in alerts if a["severity"] != "info"]
        assert sorted(told) == sorted(
            ("performance", severity, transition)
            for severity in ("critical", "warning")
            for transition in ("firing", "resolved")
        )
        onset = BEGIN + 10 * PANE_MS
        fired = [a for a in alerts if a["transition"] == "firing" and a["severity"] == "critical"]
        assert parse_timestamp(fired[0]["pane_start"]) in range(onset - PANE_MS, onset + 3 * PANE_MS)
        active = metrics("tiltmeter_alert_active", **of, kind="performance", severity="critical")
        assert active == 0
