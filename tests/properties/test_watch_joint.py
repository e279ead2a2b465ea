"""Joint drift from predictions to alerts: the same however they are cut, partitioned and restarted."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.join.decision import PREDICTIONS
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message, read_message, watermark_message
from tiltmeter.core.policy import JoinPolicy, ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.columns import LogRecord
from tiltmeter.metrics.drift_samples import drift_parts
from tiltmeter.processor.status import version_status

START, PANE_MS, PANES, PER_PANE = 1_700_000_000_000, 1_000, 40, 300
FLIPPED = range(8, 16)  # panes in which y goes against x
POLICY = ModelPolicy(
    pane_ms=PANE_MS,
    windows={"short": 4},
    mmd_share=0.5,
    tolerances=Tolerances(clear_panes=2, learning_panes=0),
)
LAST = START + (PANES + 2) * PANE_MS


def two(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=rows)
    return x, 0.8 * x + 0.6 * rng.normal(size=rows)


@cache
def reference() -> ReferenceProfile:
    x, y = two(np.random.default_rng(1), 50_000)
    return build_reference({"x": x, "y": y}, model="m", version="1")


@cache
def events() -> tuple[tuple[int, bytes], ...]:
    """(time, event), in order of time; one cell in a hundred is missing."""
    rng, made = np.random.default_rng(2), []
    for pane in range(PANES):
        x, y = two(rng, PER_PANE)
        y = -y if pane in FLIPPED else y
        for i, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            at = START + pane * PANE_MS + i
            features = {"x": a, "y": None if i % 100 == 7 else b}
            event = {"model": "m", "version": "1", "at": at, "prediction": 0, "features": features}
            made.append((at, orjson.dumps({**event, "prediction_id": f"{pane}-{i}"})))
    return tuple(made)


def messages(partitions: int, seed: int) -> list[bytes]:
    """What the partitions say, in an order of many; each reads its share of the events in batches of its own."""
    rng = random.Random(seed)
    queues = []
    for partition in range(partitions):
        mine = [event for i, event in enumerate(events()) if i % partitions == partition]
        end = {"prediction_id": f"end {partition}", "model": "end", "at": LAST, "prediction": 0}
        log = [LogRecord(i, at, None, raw) for i, (at, raw) in enumerate([*mine, (LAST, orjson.dumps(end))])]
        joiner = Joiner(
            partition, MemoryStore(), JoinPolicy(delay_ms=0, default=POLICY), ReferenceBook([reference()])
        )
        said: list[bytes] = []
        at = 0
        while at < len(log):
            batch = log[at : at + rng.choice([1, 40, 900, 2_500])]
            decision, _ = joiner.decide(PREDICTIONS, at, at + len(batch), batch)
            joiner.apply(decision, joiner.state.log_next)
            said.extend(pane_message(pane, partition, 0) for pane in joiner.outbox())
            joiner.confirm(joiner.watermarks())
            said.append(watermark_message(partition, partitions, 0, joiner.watermarks()))
            at += len(batch)
        queues.append(said[::-1])
    order = []
    while any(queues):
        order.append(rng.choice([queue for queue in queues if queue]).pop())
    return order


def fold(
    order: list[bytes], restarts: frozenset[int] = frozenset(), policy: ModelPolicy = POLICY
) -> tuple[list[dict[str, Any]], Watcher]:
    watcher = Watcher("m", policy, 0, ReferenceBook([reference()]))
    alerts: list[dict[str, Any]] = []
    for place, raw in enumerate(order):
        message = read_message(raw)
        if message.get("pane", {}).get("model", "m") == "m":
            watcher.on_message(message)
        alerts += watcher.advance()[1]
        if place in restarts:
            snapshot = watcher.snapshot()
            watcher = Watcher("m", policy, 0, ReferenceBook([reference()]))
            watcher.restore(snapshot)
            assert watcher.snapshot() == snapshot
    return alerts, watcher


@cache
def undisturbed() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    alerts, watcher = fold(messages(1, 0))
    return alerts, orjson.loads(watcher.snapshot())["versions"][0]


def test_a_flip_fires_and_its_end_resolves() -> None:
    told = [(a["kind"], a["transition"], (a["pane_start"] - START) // PANE_MS) for a in undisturbed()[0]]
    assert [(kind, transition) for kind, transition, _ in told] == [
        ("joint_drift", "firing"),
        ("joint_drift", "resolved"),
    ]
    assert told[0][2] in FLIPPED
    assert told[1][2] > FLIPPED[-1]


@pytest.mark.parametrize(("partitions", "seed"), [(1, 1), (3, 2), (5, 3)])
def test_partitions_batches_and_restarts_do_not_show(partitions: int, seed: int) -> None:
    order = messages(partitions, seed)
    restarts = frozenset(random.Random(seed).sample(range(len(order)), 5))
    alerts, watcher = fold(order, restarts)
    told, state = undisturbed()
    assert alerts == told
    assert orjson.loads(watcher.snapshot())["versions"][0] == state
    assert state["joint"] is not None
    assert state["total"]["embedding"]["rows"] == pytest.approx(0.5 * PANES * (PER_PANE - 3), rel=0.03)


def test_metrics_and_status_tell_how_far_and_which_pair() -> None:
    order = messages(1, 0)
    starts = [read_message(raw).get("pane", {}).get("start", 0) for raw in order]
    _, watcher = fold(order[: starts.index(START + 14_000)])
    _closed_to(watcher, START + 14_000)
    watch = watcher.versions["1", ""]
    told = version_status(watcher, watch)["joint"]["short"]
    assert told["pair"] == ("x", "y")
    assert told["rows"] == 4 * (PER_PANE - 3)
    assert told["correlation"] == [pytest.approx(0.79, abs=0.02), pytest.approx(-0.79, abs=0.03)]
    samples = {
        (s.metric, *s.labels[3:]): s.value
        for part in drift_parts(watch)
        for s in part
        if s.metric != "drift_ks"
    }
    assert samples["correlation_change", "short"] == pytest.approx(1.58, abs=0.04)
    assert samples["reconstruction_error_ratio", "short"] > 5
    assert samples["outlier_ratio", "short"] < 0.02
    assert samples["drift_mmd", "short"] > 0.3
    assert told["mmd"] == samples["drift_mmd", "short"]
    assert told["mmd_rows"] == watch.predictions["short"].total.embedding.rows > 500
    assert samples["drift_evidence_ratio", "e_sr", "(correlations)"] > 1
    assert samples["drift_evidence_ratio", "e_sr", "(outliers)"] < 1


@pytest.mark.parametrize(("share", "enough"), [(0.0, 1), (0.5, 1), (0.5, 10_000)])
def test_mmd_alarms_nothing_is_nan_of_few_rows_and_absent_where_nobody_asks(
    share: float, enough: int
) -> None:
    tolerances = replace(POLICY.tolerances, min_samples=enough)
    alerts, watcher = fold(messages(1, 0), policy=replace(POLICY, mmd_share=share, tolerances=tolerances))
    assert alerts == undisturbed()[0]
    watch = watcher.versions["1", ""]
    found = [s.value for part in drift_parts(watch) for s in part if s.metric == "drift_mmd"]
    assert len(found) == (share > 0)
    assert all(math.isnan(value) is (enough > 1) for value in found)
    assert ("mmd" in version_status(watcher, watch)["joint"]["short"]) is (share > 0)


def test_another_reference_withdraws_the_alert_and_one_without_a_joint_profile_ends_the_watch() -> None:
    order = messages(1, 0)
    starts = [read_message(raw).get("pane", {}).get("start", 0) for raw in order]
    _, watcher = fold(order[: starts.index(START + 14_000)])
    assert [a["transition"] for a in _closed_to(watcher, START + 14_000)] == ["firing"]
    watch = watcher.versions["1", ""]
    assert [alert.names[0] for alert in watch.alerts() if alert.firing] == ["joint_drift"]
    x, y = two(np.random.default_rng(3), 500)
    plain = build_reference({"x": x, "y": y}, model="m", version="1", joint=False)
    watcher._references.add(plain)
    message = read_message(order[starts.index(START)])
    later = {name: value for name, value in message["pane"].items() if name != "joint"}
    later |= {"start": START + 20_000, "reference_id": plain.reference_id}
    watcher.on_message({**message, "pane": later})
    alerts = _closed_to(watcher, START + 30_000)
    assert [(a["kind"], a["transition"]) for a in alerts if "withdrawn" in a["summary"]] == [
        ("joint_drift", "resolved")
    ]
    assert watch.joint is None


def _closed_to(watcher: Watcher, end_ms: int) -> list[dict[str, Any]]:
    marks = {"prediction": end_ms, "label": end_ms}
    watcher.on_message(read_message(watermark_message(0, 1, 0, marks)))
    return watcher.advance()[1]
