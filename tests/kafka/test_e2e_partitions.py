"""One stream over 1, 4 and 16 partitions: the same merged panes and alerts, and a replay finds the same, byte for
byte.

Labels are sent as they become known. One that is overtaken by a later one of its partition belongs, by definition,
to the pane of the later one, and which labels share a partition is what differs here.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from data_sets.elec2 import elec2
from data_sets.schedule import schedule
from data_sets.served import HOUR
from kafka.e2e.deployment import Deployment
from kafka.e2e.published import alert_values, by_timeline, merged_panes
from kafka.e2e.serving import Server, publish_reference
from kafkabroker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

EVENTS = 10_000
DELAY_MS = 2 * HOUR
CONFIGURATION = """
[watermark]
delay = "2h"
idle_after = "1h"

[models.elec2]
pane = "12h"
windows = { short = 28, medium = 60 }
tolerances = { learning_panes = 20 }
"""


class Published(NamedTuple):
    panes: list[bytes]
    alerts: dict[str, list[bytes]]


def live_and_replayed(
    folder: Path, broker: Broker, prefix: str, partitions: int
) -> tuple[Published, Published]:
    with Deployment(folder, broker.bootstrap, prefix, partitions=partitions, rest=CONFIGURATION) as live:
        live.command("topics", "create")
        publish_reference(live, elec2(), "csv")
        live.worker()
        server = Server(live, elec2())
        sends = schedule(elec2(), transit_ms=0)[:EVENTS]
        server.send(sends)
        server.close_panes(partitions)
        labelled = len({send.row for send in sends if send.kind == "feedback"})
        live.await_status("elec2", lambda status: status["feedback"]["matched"] == labelled)
        panes, counters = merged_panes(live, "elec2", DELAY_MS)
        assert (counters.copies, counters.void, counters.conflicting, counters.stray) == (0, 0, 0, 0)
        published = Published(panes, by_timeline(alert_values(live, "elec2")))
        return published, replayed(live.command("backtest"))


def replayed(output: str) -> Published:
    """The lines of a backtest about elec2, as they are."""
    lines = [line.encode() for line in output.splitlines()]
    panes, alerts = [], []
    for line in lines:
        value = orjson.loads(line)
        if value.get("type") == "pane" and value["model"] == "elec2":
            panes.append(line)
        elif "transition" in value and value["model"] == "elec2":
            alerts.append(line)
    return Published(sorted(panes), by_timeline(alerts))


def test_the_number_of_partitions_changes_no_bit_and_a_backtest_finds_what_the_live_run_published(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    runs = {
        partitions: live_and_replayed(
            tmp_path / str(partitions), broker, f"{topic_prefix}-{partitions}", partitions
        )
        for partitions in (1, 4, 16)
    }
    one, _ = runs[1]
    assert len(one.panes) > 200
    assert all(one.alerts.values())
    for published, replay in runs.values():
        assert published.panes == one.panes
        assert published.alerts == one.alerts
        assert replay == published
