"""What a Tiltmeter has published on its topics, in the form in which two of them can be compared."""

from __future__ import annotations

from typing import Any

import orjson

from kafka.e2e.deployment import Deployment
from tiltmeter.core.panes.messages import PANE, read_message
from tiltmeter.core.panes.pane import LABEL_PANE, PREDICTION_PANE
from tiltmeter.core.watch.pane_merge import MergeCounters, PaneMerge


def merged_panes(live: Deployment, model: str, delay_ms: int) -> tuple[list[bytes], MergeCounters]:
    """The lines a backtest writes for panes of this model, sorted; from the panes topic alone."""
    merge = PaneMerge(delay_ms)
    lines: list[bytes] = []
    for message in _panes_partition(live, model):
        if message["type"] != PANE:
            merge.on_watermark(message)
        elif message["pane"]["model"] == model:
            merge.on_pane(message)
        lines += [orjson.dumps({"type": "pane", **pane.to_wire()}) for pane in merge.ready()]
    assert not merge.waiting, "some panes never became complete"
    return sorted(lines), merge.counters


def _panes_partition(live: Deployment, model: str) -> list[dict[str, Any]]:
    """The messages of the one partition that has the model's panes: only within it do watermarks have an order."""
    logs: dict[int, list[dict[str, Any]]] = {}
    for partition, record in live.records(live.names.panes):
        assert record.value is not None
        logs.setdefault(partition, []).append(read_message(record.value))
    (log,) = (
        log for log in logs.values() if any(m["type"] == PANE and m["pane"]["model"] == model for m in log)
    )
    return log


def alert_values(live: Deployment, model: str) -> list[bytes]:
    """The alerts of a model, each publication, in log order."""
    values = [record.value for _, record in live.records(live.names.alerts)]
    return [value for value in values if value is not None and orjson.loads(value)["model"] == model]


#: What needs both timelines is decided between their panes; all other kinds follow prediction panes.
_TIMELINES = {
    "performance": LABEL_PANE,
    "label_drift": LABEL_PANE,
    "adwin_gate": LABEL_PANE,
    "drift_and_performance": "both",
    "label_coverage": "both",
}


def by_timeline(alerts: list[bytes]) -> dict[str, list[bytes]]:
    """Prediction panes and label panes do not wait for each other, so only alerts of one kind have an order.

    An alert published twice has the same id; it counts where it came first.
    """
    lines: dict[str, list[bytes]] = {PREDICTION_PANE: [], LABEL_PANE: [], "both": []}
    seen: dict[str, bytes] = {}
    for value in alerts:
        alert: dict[str, Any] = orjson.loads(value)
        if alert["id"] in seen:
            assert seen[alert["id"]] == value, "one id, two contents"
            continue
        seen[alert["id"]] = value
        kind = _TIMELINES.get(alert["kind"], PREDICTION_PANE)
        lines[kind].append(value)
    return lines
