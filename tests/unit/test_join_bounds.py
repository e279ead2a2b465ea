"""What the stream can make the join remember is bounded."""

from __future__ import annotations

import orjson

from tiltmeter.core.join import draft as join_draft
from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.events.columns import LogRecord


def _joined(models: list[str], cut: int) -> Joiner:
    joiner = Joiner(0, MemoryStore(), JoinPolicy(), ReferenceBook())
    log = [
        LogRecord(
            i, -1, None, orjson.dumps({"prediction_id": str(i), "model": m, "at": 1_000 + i, "prediction": 1})
        )
        for i, m in enumerate(models)
    ]
    for start in range(0, len(log), cut):
        batch = log[start : start + cut]
        decision, rejected = joiner.decide(PREDICTIONS, start, start + len(batch), batch)
        assert not rejected
        joiner.apply(decision, start)
    return joiner


def test_names_beyond_the_bound_are_counted_together_and_none_is_lost() -> None:
    models = [f"m{i}" for i in range(join_draft.MOST_GROUPS + 500)]
    joiner = _joined(models, 700)
    assert len(joiner.state.groups) == join_draft.MOST_GROUPS + 1
    panes = joiner.state.open.values()
    assert sum(pane.events for pane in panes) == len(models)  # type: ignore[union-attr]
    together = [pane for pane in panes if pane.key.model == join_draft.OTHER_NAMES]
    assert [pane.events for pane in together] == [500]  # type: ignore[union-attr]


def test_which_names_are_kept_does_not_depend_on_how_the_log_was_cut() -> None:
    models = [f"m{i % 1300}" for i in range(2_600)]
    whole, pieces = _joined(models, 2_600), _joined(models, 37)
    assert whole.state.groups == pieces.state.groups
    assert {str(i): p.to_wire() for i, p in whole.state.open.items()} == {
        str(i): p.to_wire() for i, p in pieces.state.open.items()
    }


def test_unusable_optional_fields_are_counted() -> None:
    joiner = Joiner(0, MemoryStore(), JoinPolicy(), ReferenceBook())
    event = {"prediction_id": "a", "model": "m", "at": 1, "prediction": 1, "weight": "2"}
    decision, _ = joiner.decide(PREDICTIONS, 0, 1, [LogRecord(0, -1, None, orjson.dumps(event))])
    assert decision.counters == {"imperfect\x1fpredictions\x1fweight": 1}


def test_combinations_of_segments_are_bounded_and_the_whole_is_still_complete() -> None:
    values = tuple(str(i) for i in range(20))
    policy = JoinPolicy(default=ModelPolicy(segments={"a": values, "b": values}))
    joiner = Joiner(0, MemoryStore(), policy, ReferenceBook())
    events = [
        {"prediction_id": f"{m}-{a}-{b}", "model": f"m{m}", "at": 1_000, "prediction": 1}
        | {"segments": {"a": a, "b": b}}
        for m in range(20)
        for a in values
        for b in values
    ]
    for side, written in (
        (PREDICTIONS, events),
        (FEEDBACK, [{"prediction_id": e["prediction_id"], "at": 1_000, "label": 1} for e in events]),
    ):
        log = [LogRecord(i, -1, None, orjson.dumps(event)) for i, event in enumerate(written)]
        decision, rejected = joiner.decide(side, 0, len(log), log)
        assert not rejected
        joiner.apply(decision, 0)
    assert len(joiner.state.groups) <= join_draft.MOST_SEGMENT_GROUPS + 20
    whole = [pane for pane in joiner.state.open.values() if pane.key.segment == ""]
    assert sum(pane.events for pane in whole if isinstance(pane, PredictionPane)) == len(events)
    assert sum(pane.total().n for pane in whole if isinstance(pane, LabelPane)) == len(events)
