"""The dashboard asks for metrics that exist, in PromQL that parses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.expressions import SERIES, metrics_read, problems
from ops.tools import ROOT, run

GRAFANA = ROOT / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "tiltmeter.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


def filled(expression: str) -> str:
    """With values in place of Grafana's variables."""
    return re.sub(r"\$\w+", "x", expression.replace("$__rate_interval", "1m"))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_reads_metrics_that_exist(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    for target in panel["targets"]:
        assert metrics_read(target["expr"]), "a panel about nothing of ours"
        assert problems(filled(target["expr"])) == []
        labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        known = {label for name in metrics_read(target["expr"]) for label in SERIES[name]} | {"instance"}
        assert labels <= known


def test_promtool_parses_every_expression(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": filled(expr)} for n, expr in enumerate(EXPRESSIONS)]
    path = tmp_path / "dashboard.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    run("promtool", "check", "rules", path)


def test_every_variable_that_is_used_is_declared_and_asks_for_a_label_that_exists() -> None:
    used = {name for expr in EXPRESSIONS for name in re.findall(r"\$(\w+)", expr)} - {"__rate_interval"}
    assert used <= VARIABLES.keys()
    for variable in VARIABLES.values():
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", variable["definition"])
            assert asked
            assert asked[2] in SERIES[asked[1]]


def test_panels_do_not_overlap_and_have_names_of_their_own() -> None:
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_provisioning_points_at_the_folder_that_compose_mounts() -> None:
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "tiltmeter.yml").read_text())[
        "providers"
    ][0]
    mounts = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
