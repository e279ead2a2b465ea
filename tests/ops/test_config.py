"""prometheus.yml, alertmanager.yml and docker-compose.yml, read by the programs they are for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from kafkabroker.distribution import KAFKA_VERSION
from ops.tools import ROOT, run
from tiltmeter.settings import Settings

ALERTMANAGER = ROOT / "alertmanager.yml"


def compose() -> dict[str, Any]:
    text = run("docker-compose", "-f", ROOT / "docker-compose.yml", "config", "--format", "json")
    read: dict[str, Any] = json.loads(text)
    return read


def test_prometheus_takes_its_configuration_and_the_rules() -> None:
    run("promtool", "check", "config", "--lint=all", ROOT / "prometheus.yml")


def test_the_job_is_called_as_the_rules_expect() -> None:
    jobs = [
        job["job_name"] for job in yaml.safe_load((ROOT / "prometheus.yml").read_text())["scrape_configs"]
    ]
    assert "tiltmeter" in jobs


def test_alertmanager_takes_its_configuration() -> None:
    run("amtool", "check-config", ALERTMANAGER)


@pytest.mark.parametrize(
    ("severity", "receivers"),
    [("critical", "pagerduty,slack"), ("warning", "slack"), ("info", "slack")],
)
def test_critical_pages_and_everything_is_told(severity: str, receivers: str) -> None:
    labels = ("alertname=TiltmeterPerformanceDegraded", "model=churn", f"severity={severity}")
    said = run("amtool", "config", "routes", "test", "--config.file", ALERTMANAGER, *labels)
    assert said.strip() == receivers


def test_no_secret_stands_in_a_file_of_ours() -> None:
    receivers = yaml.safe_load(ALERTMANAGER.read_text())["receivers"]
    keys = {
        key
        for receiver in receivers
        for configs in receiver.values()
        if configs is not receiver["name"]
        for config in configs
        for key in config
    }
    assert {"api_url_file", "routing_key_file"} <= keys
    assert not {"api_url", "routing_key", "service_key"} & keys


def test_compose_reads_the_file_and_every_port_is_on_the_loopback() -> None:
    services = compose()["services"]
    assert services.keys() == {"kafka", "topics-init", "processor", "prometheus", "alertmanager", "grafana"}
    for name, service in services.items():
        assert {port["host_ip"] for port in service.get("ports", [])} <= {"127.0.0.1"}, name
        assert "healthcheck" in service or name == "topics-init", name


def test_images_are_pinned_and_kafka_is_the_one_that_is_tested() -> None:
    services = compose()["services"]
    images = {service["image"] for service in services.values()}
    assert all(re.search(r":(v?\d+\.\d+\.\d+|local)$", image) for image in images), images
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_nothing_starts_before_what_it_needs() -> None:
    waits = {
        name: part["condition"] for name, part in compose()["services"]["processor"]["depends_on"].items()
    }
    assert waits == {"kafka": "service_healthy", "topics-init": "service_completed_successfully"}


def test_the_variables_of_the_processor_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("topics-init", "processor"):
        for variable, value in compose()["services"][name]["environment"].items():
            monkeypatch.setenv(variable, value)
    settings = Settings()
    assert settings.kafka.bootstrap_servers == "kafka:19092"
    assert str(settings.processor.state_dir) == "/var/lib/tiltmeter"


def test_what_is_mounted_is_in_the_repository() -> None:
    mounts = [mount for service in compose()["services"].values() for mount in service.get("volumes", [])]
    sources = [
        mount["source"] for mount in mounts if mount["type"] == "bind" and "secrets" not in mount["target"]
    ]
    assert len(sources) == 5
    for source in sources:
        assert (ROOT / source).exists(), source
