"""alerts.yml: promtool's tests of it, and what promtool cannot know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.expressions import metrics_read, problems
from ops.rules import ALERTS, RUNBOOKS, alert_names, groups, rules
from ops.tools import ROOT, run
from tiltmeter.events.alert import KINDS

UNIT_TESTS = sorted(Path(__file__).parent.glob("*.yml"))
ALL = [pytest.param(rule, id=f"{rule['alert']}-{rule['labels']['severity']}") for rule in rules()]


def checks() -> list[dict[str, Any]]:
    """Every ``alert_rule_test`` of every file."""
    documents = [yaml.safe_load(path.read_text()) for path in UNIT_TESTS]
    return [
        check for document in documents for test in document["tests"] for check in test["alert_rule_test"]
    ]


def test_promtool_finds_nothing_to_complain_about() -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", ALERTS)


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_unit_tests_say(path: Path) -> None:
    run("promtool", "test", "rules", path)


@pytest.mark.parametrize("rule", ALL)
def test_a_rule_is_shown_firing_and_not_firing(rule: dict[str, Any]) -> None:
    mine = [check["exp_alerts"] for check in checks() if check["alertname"] == rule["alert"]]
    severities = {alert["exp_labels"]["severity"] for alerts in mine for alert in alerts}
    assert rule["labels"]["severity"] in severities, "no unit test in which it fires"
    assert [] in mine, "no unit test in which it must not fire"


@pytest.mark.parametrize("rule", ALL)
def test_a_rule_tells_an_operator_what_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Tiltmeter[A-Z][A-Za-z]+", rule["alert"])
    assert len(rule["alert"]) <= 40
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["area"] in {"quality", "serving", "monitor"}
    assert {"for", "keep_firing_for"} <= rule.keys()
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert "{{" not in notes["summary"], "a summary is the same for all alerts of a rule"
    assert notes["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"


@pytest.mark.parametrize("rule", ALL)
def test_a_rule_reads_metrics_that_exist_and_forgets_the_instance(rule: dict[str, Any]) -> None:
    assert problems(rule["expr"]) == []
    assert "instance" not in rule["expr"]


def test_quality_has_one_source() -> None:
    for rule in rules():
        if rule["labels"]["area"] == "quality":
            assert metrics_read(rule["expr"]) == {"tiltmeter_alert_active"}
        else:
            assert "tiltmeter_alert_active" not in rule["expr"]


def test_no_kind_of_alert_goes_unheard() -> None:
    """Kinds are matched by name or fall to the rule that takes all others."""
    quality = [rule["expr"] for rule in rules() if rule["labels"]["area"] == "quality"]
    named = {kind for expr in quality for kind in re.findall(r'kind="(\w+)"', expr)}
    others = {
        frozenset(match.split("|")) for expr in quality for match in re.findall(r'kind!~"([^"]+)"', expr)
    }
    assert named <= set(KINDS)
    assert others == {frozenset(named)}


def test_groups_are_of_a_size_to_be_read() -> None:
    assert [group["name"] for group in groups()] == [
        "tiltmeter-quality",
        "tiltmeter-serving",
        "tiltmeter-monitor",
    ]
    assert max(len(group["rules"]) for group in groups()) <= 20


@pytest.mark.parametrize("alert", alert_names())
def test_a_runbook_says_what_it_means_what_to_check_and_what_to_do(alert: str) -> None:
    text = (RUNBOOKS / f"{alert}.md").read_text()
    assert text.startswith(f"# {alert}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Means", "Check", "Do"]
    assert "```sh" in text, "a command to check with"


def test_there_is_no_runbook_without_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == alert_names()


def test_the_page_about_alerts_lists_them_all_with_their_severities() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    for alert in alert_names():
        severities = [rule["labels"]["severity"] for rule in rules() if rule["alert"] == alert]
        row = re.search(rf"^\| \[{alert}\]\(runbooks/{alert}\.md\) \| ([a-z, ]+) \|", page, re.MULTILINE)
        assert row, f"{alert} is missing in docs/alerts.md"
        assert sorted(row[1].split(", ")) == sorted(severities)
