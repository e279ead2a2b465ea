"""What a PromQL expression reads, as far as the table of metrics can judge it."""

from __future__ import annotations

import re

from tiltmeter.metrics.table import METRICS

_SELECTOR = re.compile(r"\b(tiltmeter_\w+)\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
#: Added by Prometheus at the scrape.
TARGET_LABELS = frozenset({"job", "instance"})


def _series() -> dict[str, frozenset[str]]:
    """Every name an exposition may hold, with its labels."""
    series: dict[str, frozenset[str]] = {}
    for metric in METRICS.values():
        labels = frozenset(metric.labels)
        if metric.kind == "histogram":
            series[f"{metric.full_name}_bucket"] = labels | {"le"}
            series[f"{metric.full_name}_sum"] = series[f"{metric.full_name}_count"] = labels
        else:
            series[metric.full_name] = labels
    return series


SERIES = _series()


def metrics_read(expression: str) -> set[str]:
    """Names of ours that it selects."""
    return {name for name, _ in _SELECTOR.findall(expression)}


def problems(expression: str) -> list[str]:
    """Metrics that nobody exports, and labels that they do not have."""
    found, grouped = [], set(TARGET_LABELS)
    for name, matchers in _SELECTOR.findall(expression):
        if name not in SERIES:
            found.append(f"{name} is not in metrics/table.py")
            continue
        grouped |= SERIES[name]
        strange = set(_MATCHER.findall(re.sub(r'"[^"]*"', '""', matchers))) - SERIES[name] - TARGET_LABELS
        found += [f"{name} has no label {label}" for label in sorted(strange)]
    for labels in _GROUPING.findall(expression):
        wanted = {label.strip() for label in labels.split(",") if label.strip()}
        found += [f"nothing here has label {label}" for label in sorted(wanted - grouped)]
    return found
