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


def part_to_wire(pane: Pane) -> dict[str, Any]:
    """What a batch adds to a pane, for the join log and the store. Packing would cost the join a tenth of what a
    prediction costs in batches of 256, and these parts live for the time of a pane."""
    return pane.to_wire(packed=False) if isinstance(pane, PredictionPane) else pane.to_wire()


def pane_from_wire(wire: dict[str, Any]) -> PredictionPane | LabelPane:
    if wire["kind"] == "label":
        return LabelPane.from_wire(wire)
    return PredictionPane.from_wire(wire)
