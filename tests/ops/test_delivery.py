"""From a broken model to the pager: the demo, Prometheus, Alertmanager and stand-ins for Slack and PagerDuty.

0 s ──good times── 15 s ──a feature drifts── 30 s ──the model breaks── ≈ 35 s on the pager
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ops.expressions import SERIES
from ops.receiver import Receiver
from ops.stack import alertmanager, demo, prometheus
from ops.tools import run, tool

pytestmark = pytest.mark.slow

#: Where Debian's Alertmanager reads its default templates; others carry them inside.
DEBIAN_TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")


class Stack(NamedTuple):
    receiver: Receiver
    worker: str
    prometheus: str
    alertmanager: str


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    tool("prometheus")
    if "prometheus-alertmanager" in tool("alertmanager") and not DEBIAN_TEMPLATES.exists():
        pytest.skip(
            f"Debian's Alertmanager needs {DEBIAN_TEMPLATES}: run tests/ops/get_tools.sh as root once"
        )
    folder = tmp_path_factory.mktemp("delivery")
    with (
        Receiver() as receiver,
        alertmanager(folder, receiver) as manager,
        demo(folder, duration=60) as worker,
        prometheus(folder, worker, manager) as server,
    ):
        yield Stack(receiver, worker, server, manager)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def alerts(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(read(f"http://{stack.prometheus}/api/v1/alerts"))["data"][
        "alerts"
    ]
    return found


def test_slack_is_told_which_feature_drifts(stack: Stack) -> None:
    told = stack.receiver.wait_for("/slack", lambda it: "TiltmeterFeatureDrift" in json.dumps(it), 40)
    text = json.dumps(told)
    assert "Features of credit-risk 7 have drifted: basket_value." in text
    assert "docs/runbooks/TiltmeterFeatureDrift.md" in text
    assert stack.receiver.received("/pagerduty") == [], "a drifted feature pages nobody"


def test_promtool_finds_nothing_wrong_with_the_exposition(stack: Stack) -> None:
    text = read(f"http://{stack.worker}/metrics")
    run("promtool", "check", "metrics", stdin=text)
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    assert names <= SERIES.keys()


def test_the_pager_rings_for_the_broken_model(stack: Stack) -> None:
    """A page about drift and lost performance together may come before it."""

    def degraded(page: dict[str, Any]) -> bool:
        return bool(page["payload"]["class"] == "TiltmeterPerformanceDegraded")

    page = stack.receiver.wait_for("/pagerduty", degraded, 60)
    assert page["event_action"] == "trigger"
    assert page["payload"]["component"] == "credit-risk"
    assert page["payload"]["severity"] == "critical"
    assert page["payload"]["summary"] == "The model has become much worse than its reference. credit-risk 7"

    def critical(payload: dict[str, Any]) -> bool:
        labels = [alert["labels"] for alert in payload["alerts"]]
        wanted = {"alertname": "TiltmeterPerformanceDegraded", "severity": "critical"}
        return any(wanted.items() <= label.items() for label in labels)

    told = stack.receiver.wait_for("/webhook", critical, 10)
    assert told["groupLabels"] == {"alertname": "TiltmeterPerformanceDegraded", "model": "credit-risk"}
    assert all("instance" not in alert["labels"] for alert in told["alerts"])
    stack.receiver.wait_for("/slack", lambda it: "error_rate of credit-risk 7 exceeds" in json.dumps(it), 10)


def test_the_milder_alert_about_the_same_thing_is_held_back(stack: Stack) -> None:
    held = json.loads(read(f"http://{stack.alertmanager}/api/v2/alerts?active=false&inhibited=true"))
    names = {(alert["labels"]["alertname"], alert["labels"]["severity"]) for alert in held}
    assert ("TiltmeterPerformanceDegraded", "warning") in names
    assert "critical" not in {severity for _, severity in names}


def test_every_rule_evaluates_and_the_monitor_does_not_complain_of_itself(stack: Stack) -> None:
    groups = json.loads(read(f"http://{stack.prometheus}/api/v1/rules"))["data"]["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    assert {alert["labels"]["area"] for alert in alerts(stack)} == {"quality"}
