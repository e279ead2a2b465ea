"""alerts.yml, as its tests see it."""

from __future__ import annotations

from typing import Any

import yaml

from ops.tools import ROOT

ALERTS = ROOT / "alerts.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"


def groups() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text())["groups"]
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"]]


def alert_names() -> list[str]:
    return sorted({rule["alert"] for rule in rules()})
