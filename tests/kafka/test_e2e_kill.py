"""SIGKILL at random moments of a real stream, with 1 → 2 → 1 workers: what comes out is what comes out of a run
that nothing interrupts, number for number and byte for byte.

TILTMETER_LONG=1 runs the whole stream with twenty kills, with state in memory and on disk; otherwise five kills hit
its first part, with state on disk.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from data_sets.elec2 import elec2
from data_sets.schedule import Send, schedule
from data_sets.served import HOUR
from kafka.e2e.chaos import Chaos
from kafka.e2e.comparison import all_is_in, assert_status, truth_of
from kafka.e2e.deployment import Deployment
from kafka.e2e.published import alert_values, by_timeline, merged_panes
from kafka.e2e.serving import Server, publish_reference
from kafkabroker import Broker

LONG = os.environ.get("TILTMETER_LONG") == "1"
KILLS, EVENTS, ON_DISK = (20, None, [False, True]) if LONG else (5, 10_000, [True])

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

PARTITIONS = 4
DELAY_MS = 2 * HOUR
PANE_MS = 12 * HOUR
WINDOWS = {"short": 28, "medium": 60}
PROCESSOR = """session_timeout = "3s"
snapshot_every = "2s"
batch_records = 500
"""
CONFIGURATION = """
[watermark]
delay = "2h"
idle_after = "1h"

# Two years pass in a minute: with the default of a week, workers would do little but open and drop time buckets.
[join]
retention = "60d"

[models.elec2]
pane = "12h"
windows = { short = 28, medium = 60 }
tolerances = { learning_panes = 20 }
"""


class Outcome(NamedTuple):
    status: dict[str, Any]
    panes: list[bytes]
    alerts: dict[str, list[bytes]]


def events() -> list[Send]:
    return schedule(elec2(), transit_ms=6 * HOUR)[:EVENTS]


def deployment(folder: Path, bootstrap: str, prefix: str) -> Deployment:
    return Deployment(
        folder, bootstrap, prefix, partitions=PARTITIONS, processor=PROCESSOR, rest=CONFIGURATION
    )


def outcome(live: Deployment, server: Server) -> Outcome:
    """Once everything is processed; it is checked against the file, too."""
    server.close_panes(PARTITIONS)
    truth = truth_of(live, elec2(), PANE_MS, WINDOWS)
    status = live.await_status("elec2", lambda status: all_is_in(truth, status))
    assert_status(status, truth, WINDOWS, unit=1.0)
    panes, counters = merged_panes(live, "elec2", DELAY_MS)
    assert (counters.conflicting, counters.stray) == (0, 0)
    del status["pane_copies"]
    return Outcome(status, panes, by_timeline(alert_values(live, "elec2")))


@pytest.fixture(scope="module")
def uninterrupted(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("quiet")
    with deployment(folder, broker.bootstrap, f"quiet-{uuid4().hex[:10]}") as live:
        live.command("topics", "create")
        publish_reference(live, elec2(), "csv")
        live.worker()
        server = Server(live, elec2())
        server.send(events())
        return outcome(live, server)


@pytest.mark.parametrize("on_disk", ON_DISK)
def test_killed_workers_leave_no_trace_in_any_number(
    broker: Broker, topic_prefix: str, tmp_path: Path, uninterrupted: Outcome, on_disk: bool
) -> None:
    with deployment(tmp_path, broker.bootstrap, topic_prefix) as live:
        live.command("topics", "create")
        publish_reference(live, elec2(), "csv")
        server = Server(live, elec2())
        chaos = Chaos(live, server, seed=11 + on_disk, states=tmp_path if on_disk else None)
        chaos.run(events(), KILLS)
        survived = outcome(live, server)
    assert survived.status == uninterrupted.status
    assert survived.panes == uninterrupted.panes
    assert survived.alerts == uninterrupted.alerts
