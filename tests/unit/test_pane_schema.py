"""The published description of panes against panes that the join really makes."""

from __future__ import annotations

import orjson
import pytest

from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.pane import Pane


def _log(*events: dict[str, object]) -> list[LogRecord]:
    return [LogRecord(i, -1, None, orjson.dumps(event)) for i, event in enumerate(events)]


@pytest.mark.parametrize("half", [0, 0.5], ids=["classification", "regression"])
def test_every_pane_of_a_small_stream_validates_and_loses_nothing(half: float) -> None:
    reference = build_reference(
        {
            "x": [float(i) for i in range(500)],
            "y": [float(i * i % 77) for i in range(500)],
            "c": ["a", "b"] * 250,
        },
        model="m",
        version="1",
        predictions=[0, 1 + half] * 250,
        labels=[0, 1 + half] * 250,
    )
    policy = JoinPolicy(delay_ms=0, default=ModelPolicy(pane_ms=1_000, mmd_share=1.0))
    joiner = Joiner(0, MemoryStore(), policy, ReferenceBook([reference]))
    event = {"model": "m", "version": "1", "features": {"x": 3.5, "c": "z", "y": 1, "z": 1}, "score": 0.5}
    predictions = _log(
        *({**event, "prediction_id": str(i), "at": i * 400, "prediction": i % 2 + half} for i in range(20)),
    )
    labels = _log(
        *({"prediction_id": str(i), "at": i * 400 + 100, "label": 1} for i in range(10)),
        *({"prediction_id": str(i), "at": 4_500 + i, "label": 0} for i in range(10)),
        {"prediction_id": "19", "at": 100_000, "label": 1},
    )
    for offset, (side, log) in enumerate(((PREDICTIONS, predictions), (FEEDBACK, labels))):
        decision, rejected = joiner.decide(side, 0, len(log), log)
        assert not rejected
        joiner.apply(decision, offset)
    panes = joiner.outbox()
    assert {type(pane).__name__ for pane in panes} == {"PredictionPane", "LabelPane"}
    assert any("embedding" in pane.to_wire() for pane in panes)
    for pane in panes:
        raw = pane_message(pane, partition=0, epoch=1)
        described = orjson.loads(Pane.model_validate_json(raw).to_json())
        assert _without_absent(described) == _without_absent(orjson.loads(raw))


def _without_absent(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_absent(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_absent(item) for item in value]
    return value
