"""How long after a pane can close its alert is there: on the topic, and on /metrics.

A pane is closable when the smallest watermark has reached its end plus the delay. Here the events that bring it there
are sent after everything else has been processed, and the clock starts just before they are handed to the emitter:
their way into Kafka counts, too. Nothing is learned first (``learning_panes = 0``): each trial has one pane only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
import orjson

from kafka.e2e.deployment import Deployment
from kafka.e2e.exposition import Exposition
from kafka.e2e.polling import eventually
from kafka.e2e.sentinels import everything_arrived, send_sentinels
from kafka.e2e.worker import Worker
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.kafka.reference_topic import publish_reference

CONFIGURATION = """
[watermark]
delay = "1s"
idle_after = "10m"

[default]
pane = "1s"

[default.tolerances]
learning_panes = 0
"""
PANE_MS = DELAY_MS = 1_000
ROWS = 1_000  # in the one pane of a trial
KINDS = ("feature_drift", "performance")  # by the predictions' watermark, and by that of the labels
LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from closable."""

    kind: str
    on_topic: float
    on_metrics: float


def publish_references(live: Deployment, trials: int) -> None:
    """Before the worker starts: a model per trial, so that each has its first alarm."""
    random = np.random.default_rng(1)
    values, answers = random.normal(size=2_000).tolist(), [0, 1] * 1_000
    for trial in range(trials):
        profile = build_reference(
            {"x": values}, model=_model(trial), version="1", predictions=answers, labels=answers
        )
        publish_reference(live.connection, live.names.references, profile)


def measure(live: Deployment, trials: int, partitions: int) -> list[Latency]:
    """One trial after the other on the deployment's one worker, which is ready."""
    (worker,) = live.workers
    begin_ms = (time.time_ns() // 1_000_000 // PANE_MS - 1_800) * PANE_MS
    emitter = live.emitter("unused", "1")
    measured: list[Latency] = []
    for trial in range(trials):
        model, start_ms = _model(trial), begin_ms + trial * 10 * PANE_MS
        for row in range(ROWS):
            identity, at = f"{model}-{row}", start_ms + row * PANE_MS // ROWS
            emitter.prediction({"x": 9.0}, row % 2, prediction_id=identity, model=model, at=at)
            emitter.feedback(identity, 1 - row % 2, at=at)
        everything_arrived(emitter)
        sent = (trial + 1) * 2 * ROWS + trial * 2 * partitions
        eventually(partial(_has_processed, worker, sent), 30, worker.complaint)
        begin = time.time()
        send_sentinels(emitter, partitions, start_ms + PANE_MS + DELAY_MS)
        seen: dict[str, float] = {}
        while len(seen) < len(KINDS):
            assert time.time() < begin + 30, worker.complaint()
            metrics = Exposition([(worker.get("/metrics") or b"").decode()])
            now = time.time()
            for kind in KINDS:
                if metrics.total("tiltmeter_alert_active", model=model, kind=kind) > 0:
                    seen.setdefault(kind, now - begin)
            time.sleep(LOOK_SECONDS)
        published = _published(live, model)
        measured += [Latency(kind, published[kind] - begin, seen[kind]) for kind in KINDS]
    return measured


def _model(trial: int) -> str:
    return f"model-{trial}"


def _has_processed(worker: Worker, events: int) -> bool:
    status = worker.status() or {"partitions": {}}
    sides = [side for state in status["partitions"].values() for side in state["sides"].values()]
    return sum(following or 0 for following, *_ in sides) >= events


def _published(live: Deployment, model: str) -> dict[str, float]:
    """Kind → when the first alert of it was written; the producer stamps it, seconds."""
    first: dict[str, float] = {}
    for _, record in live.records(live.names.alerts):
        alert = orjson.loads(record.value or b"{}")
        if alert["model"] == model:
            first.setdefault(alert["kind"], record.timestamp / 1000)
    return first
