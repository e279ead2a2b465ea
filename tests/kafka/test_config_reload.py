"""A configuration file that is saved under a running worker."""

from __future__ import annotations

import os
import signal
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from kafka.e2e.exposition import Exposition
from kafka.e2e.polling import eventually
from kafkabroker import Broker
from tiltmeter.cli.main import cli
from tiltmeter.demo.worker import Worker

pytestmark = pytest.mark.kafka


def test_a_saved_file_is_taken_up_and_a_bad_one_is_refused_and_reported(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    environment = {
        "TILTMETER_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "TILTMETER_KAFKA__TOPIC_PREFIX": topic_prefix,
    }
    created = CliRunner().invoke(cli, ["topics", "create", "--partitions", "1"], env=environment)
    assert created.exit_code == 0, created.output
    worker = Worker(tmp_path, broker.bootstrap, topic_prefix)
    file, log = tmp_path / "tiltmeter.toml", tmp_path / "processor.log"
    good = file.read_text()

    def successful() -> float:
        with urllib.request.urlopen(f"{worker.url}/metrics", timeout=5) as answer:
            return Exposition([answer.read().decode()])("tiltmeter_config_last_reload_successful")

    try:
        assert successful() == 1
        file.write_text(good.replace('pane = "1s"', 'pane = "2s"'))
        eventually(lambda: successful() == 0, 20, log.read_text)
        assert "default.pane" in log.read_text()
        file.write_text(good.replace("learning_panes = 10", "min_samples = 50"))
        eventually(lambda: successful() == 1, 20, log.read_text)
        assert "configuration reloaded: default" in log.read_text()
        file.write_text(good.replace("learning_panes = 10", "min_samples = 0"))
        os.kill(worker.pid, signal.SIGHUP)
        eventually(lambda: successful() == 0, 20, log.read_text)
        assert "default.tolerances.min_samples" in log.read_text()
        worker.check()
    finally:
        worker.stop()
