"""Two real streams, served by models that scikit-learn made; every published number against pandas, scipy and
scikit-learn on the same file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from data_sets.bike import bike
from data_sets.elec2 import elec2
from data_sets.schedule import schedule
from data_sets.served import HOUR, Served
from kafka.e2e.comparison import all_is_in, assert_metrics, assert_status, truth_of
from kafka.e2e.deployment import Deployment
from kafka.e2e.serving import Server, publish_reference
from kafkabroker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

PARTITIONS = 4
TRANSIT_MS = 6 * HOUR

CONFIGURATION = """
[watermark]
delay = "2h"
idle_after = "1h"

[models.{model}]
pane = "{pane_hours}h"
windows = {windows}
"""


def test_elec2_every_number_of_a_classifier_is_what_pandas_says(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    windows = {"short": 28, "medium": 60, "long": 360}
    compare(broker, topic_prefix, tmp_path, elec2(), "csv", 12, windows, unit=1.0)


def test_bike_every_number_of_a_regression_is_what_pandas_says(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    served = bike()
    unit = 2.0 ** math.ceil(math.log2(float(served.held_out["label"].std(ddof=0))))
    windows = {"short": 40, "long": 200}
    compare(broker, topic_prefix, tmp_path, served, "parquet", 6, windows, unit)


def compare(
    broker: Broker,
    prefix: str,
    folder: Path,
    served: Served,
    suffix: str,
    pane_hours: int,
    windows: dict[str, int],
    unit: float,
) -> None:
    table = "{" + ", ".join(f"{name} = {panes}" for name, panes in windows.items()) + "}"
    rest = CONFIGURATION.format(model=served.model, pane_hours=pane_hours, windows=table)
    with Deployment(folder, broker.bootstrap, prefix, partitions=PARTITIONS, rest=rest) as live:
        live.command("topics", "create")
        publish_reference(live, served, suffix)
        live.worker()
        server = Server(live, served)
        server.send(schedule(served, transit_ms=TRANSIT_MS))
        server.close_panes(PARTITIONS)
        truth = truth_of(live, served, pane_hours * HOUR, windows)
        status = live.await_status(served.model, lambda status: all_is_in(truth, status))
        assert_status(status, truth, windows, unit)
        assert_metrics(live.metrics(), status, truth, windows, unit)
