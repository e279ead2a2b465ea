"""What is published about the join partitions a worker owns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.join.state import JoinState, counter
from tiltmeter.core.panes.messages import NEVER
from tiltmeter.events.reasons import Reason
from tiltmeter.metrics.sample import Sample

#: Counters of the join state → metric and its extra labels before ``partition``.
_COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "duplicate_predictions": ("duplicate_predictions", ("same",)),
    "conflicting_predictions": ("duplicate_predictions", ("different",)),
    "expired": ("expired_predictions", ()),
    "orphaned": ("orphaned_feedback", ()),
}
#: Reasons that cannot reject an event of this side. A conflicting duplicate is counted as that.
_IMPOSSIBLE = {
    PREDICTIONS: {Reason.MISSING_LABEL, Reason.BAD_LABEL, Reason.NONFINITE_LABEL},
    FEEDBACK: {
        Reason.MISSING_MODEL,
        Reason.BAD_MODEL,
        Reason.MISSING_PREDICTION,
        Reason.BAD_PREDICTION,
        Reason.TOO_MANY_FEATURES,
    },
}
REASONS = {
    side: tuple(r for r in Reason if r not in impossible and r is not Reason.CONFLICTING_DUPLICATE)
    for side, impossible in _IMPOSSIBLE.items()
}


def join_samples(
    partition: int, state: JoinState, topics: Mapping[str, str], misplaced: Mapping[str, int], now: float
) -> Iterator[Sample]:
    """Of one partition; ``topics`` names the topic of each side, ``now`` is the wall clock in epoch seconds.
    Counters are exact: they are part of the state, so they go on where they stood after a restart, here or on
    another worker."""
    p = str(partition)
    for name, count in (_zeros(state) | state.counters).items():
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
    for side, topic in topics.items():
        yield Sample("wrong_partition", (topic, p), misplaced[side])
        mark = state.sides[side].watermark_ms
        if mark > NEVER:
            yield Sample("watermark_timestamp_seconds", (p, side), mark / 1000)
            yield Sample("watermark_delay_seconds", (p, side), now - mark / 1000)


def _zeros(state: JoinState) -> dict[str, int]:
    """Every counter whose labels are known before its first event, so that ``increase()`` sees that event."""
    names = [counter("rejected", side, reason) for side, reasons in REASONS.items() for reason in reasons]
    names.append(counter("orphaned"))
    for version in dict.fromkeys(group[:2] for group in state.groups):  # a group may be a segment of it
        names.append(counter("late", PREDICTIONS, *version))
        names += [counter(kind, *version) for kind in _COUNTERS if kind != "orphaned"]
    return dict.fromkeys(names, 0)
