"""When a worker says that it is ready."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kafkabroker import Broker
from tiltmeter.cli.main import cli
from tiltmeter.demo.worker import Worker

pytestmark = pytest.mark.kafka


def test_a_worker_for_which_no_partition_is_left_becomes_ready(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    """Otherwise one replica too many would stop a rollout. ``Worker`` waits for /readyz and fails without it."""
    environment = {
        "TILTMETER_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "TILTMETER_KAFKA__TOPIC_PREFIX": topic_prefix,
    }
    created = CliRunner().invoke(cli, ["topics", "create", "--partitions", "1"], env=environment)
    assert created.exit_code == 0, created.output
    workers = []
    try:
        for name in ("first", "second", "third"):
            folder = tmp_path / name
            folder.mkdir()
            workers.append(Worker(folder, broker.bootstrap, topic_prefix))
    finally:
        for worker in workers:
            worker.stop()
