"""What is published about the join partitions a worker owns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tiltmeter.core.join_decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.join_state import NEVER, JoinState
from tiltmeter.metrics.sample import Sample

#: Counters of the join state → metric and its extra labels before ``partition``.
_COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "duplicate_predictions": ("duplicate_predictions", ("same",)),
    "conflicting_predictions": ("duplicate_predictions", ("different",)),
    "expired": ("expired_predictions", ()),
    "orphaned": ("orphaned_feedback", ()),
}


def join_samples(partition: int, state: JoinState, topics: Mapping[str, str]) -> Iterator[Sample]:
    """Of one partition; ``topics`` names the topic of each side. Counters are exact: they are part of the state,
    so they go on where they stood after a restart, here or on another worker."""
    p = str(partition)
    for name, count in state.counters.items():
        kind, *labels = name.split("\x1f")
        if kind == "rejected":
            yield Sample("rejected_events", (topics[labels[0]], labels[1], p), count)
        elif kind == "imperfect":
            yield Sample("imperfect_fields", (topics[labels[0]], labels[1], p), count)
        elif kind == "late":
            yield Sample("late_events", (*labels[1:], p), count)
        elif kind in _COUNTERS:
            metric, extra = _COUNTERS[kind]
            yield Sample(metric, (*labels, *extra, p), count)
    waiting = {"p": 0, "f": 0}
    for (family, _), by_group in state.waiting.items():
        waiting[family] += sum(by_group.values())
    yield Sample("pending_predictions", (p,), waiting["p"])
    yield Sample("feedback_waiting", (p,), waiting["f"])
    for side in (PREDICTIONS, FEEDBACK):
        mark = state.sides[side].watermark_ms
        if mark > NEVER:
            yield Sample("watermark_timestamp_seconds", (p, side), mark / 1000)
