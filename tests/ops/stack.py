"""The demo, Prometheus and Alertmanager as processes, with the shipped configuration.

Only what a test must not wait for, or cannot reach, differs from the shipped files: addresses, secrets' paths,
intervals of seconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from kafkabroker import die_with_parent
from kafkabroker.ports import ReservedPort
from ops.receiver import Receiver
from ops.rules import ALERTS
from ops.tools import ROOT, tool

READY_SECONDS = 60.0


@contextmanager
def process(
    log: Path, *command: object, stop: signal.Signals = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs until the block ends, or this process does. Its output goes to ``log``."""
    guarded = [sys.executable, die_with_parent.__file__, str(os.getpid()), *map(str, command)]
    with log.open("wb") as out:
        running = subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield running
    finally:
        running.send_signal(stop)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextmanager
def demo(folder: Path, duration: int) -> Iterator[str]:
    """The demo's processor, by its host:port. One feature drifts at a third, the model breaks at two thirds."""
    log = folder / "demo.log"
    command = (sys.executable, "-m", "tiltmeter", "demo", "--duration", duration)
    with process(log, *command, stop=signal.SIGINT) as running:  # Ctrl-C: it stops its processor too
        deadline = time.monotonic() + READY_SECONDS
        while "processor serves " not in (said := log.read_text()):
            assert running.poll() is None, f"the demo ended: {said}"
            assert time.monotonic() < deadline, f"the demo does not start: {said}"
            time.sleep(0.1)
        yield said.split("processor serves http://")[1].split("/")[0]


@contextmanager
def alertmanager(folder: Path, receiver: Receiver) -> Iterator[str]:
    """By its host:port, sending to ``receiver``: /slack, /pagerduty and /webhook."""
    config = yaml.safe_load((ROOT / "alertmanager.yml").read_text())
    for route in (config["route"], *config["route"]["routes"]):
        if "group_wait" in route:
            route["group_wait"] = "0s"
    slack, pagerduty = config["receivers"]
    slack["slack_configs"][0]["api_url_file"] = _secret(folder / "slack_api_url", receiver.url("/slack"))
    slack["webhook_configs"] = [{"url": receiver.url("/webhook")}]
    events = pagerduty["pagerduty_configs"][0]
    events["routing_key_file"] = _secret(folder / "pagerduty_routing_key", "r" * 32)
    events["url"] = receiver.url("/pagerduty")
    with _server(
        folder, "alertmanager", config, "--cluster.listen-address=", f"--storage.path={folder / 'silences'}"
    ) as address:
        yield address


@contextmanager
def prometheus(folder: Path, target: str, alertmanager: str) -> Iterator[str]:
    """By its host:port, scraping ``target`` with the shipped rules."""
    config = yaml.safe_load((ROOT / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(ALERTS)]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    job = next(job for job in config["scrape_configs"] if job["job_name"] == "tiltmeter")
    job["static_configs"][0]["targets"] = [target]
    config["scrape_configs"] = [job]
    with _server(folder, "prometheus", config, f"--storage.tsdb.path={folder / 'tsdb'}") as address:
        yield address


@contextmanager
def _server(folder: Path, name: str, config: dict[str, Any], *arguments: str) -> Iterator[str]:
    path, log = folder / f"{name}.yml", folder / f"{name}.log"
    path.write_text(yaml.safe_dump(config))
    port = ReservedPort()
    address = f"127.0.0.1:{port.number}"
    with process(
        log, tool(name), f"--config.file={path}", f"--web.listen-address={address}", *arguments
    ) as running:
        deadline = time.monotonic() + READY_SECONDS
        while not answers(f"http://{address}/-/ready"):
            assert running.poll() is None, f"{name} ended: {log.read_text()}"
            assert time.monotonic() < deadline, f"{name} does not start: {log.read_text()}"
            time.sleep(0.1)
        yield address
    port.release()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _secret(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)
