"""A pane of either kind."""

from __future__ import annotations

from typing import Any

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.prediction_pane import PredictionPane

#: Kinds of panes; a pane is identified by (kind, key).
PREDICTION_PANE, LABEL_PANE = "prediction", "label"
Pane = PredictionPane | LabelPane
PaneId = tuple[str, PaneKey]


def pane_id(pane: Pane) -> PaneId:
    return (LABEL_PANE if isinstance(pane, LabelPane) else PREDICTION_PANE, pane.key)


def pane_from_wire(wire: dict[str, Any]) -> PredictionPane | LabelPane:
    if wire["kind"] == "label":
        return LabelPane.from_wire(wire)
    return PredictionPane.from_wire(wire)
