"""Panes of all source partitions become one pane, once.

partition 0   P(0-10)  ▯12            P(10-20)  ▯25
partition 1            P(0-10) ▯11                   ▯21
                               └ 0-10 closes         └ 10-20 closes
"""

from __future__ import annotations

from typing import Any

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.messages import NEVER
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.pane import Pane
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.watch.pane_merge import MEMORY_PANES, PaneMerge, restore_merge


def pane(start: int, events: int = 1, reference: str = "", version: str = "1") -> PredictionPane:
    return PredictionPane(PaneKey(start, 10, "m", version, ""), reference, events=events, weight=events)


def labels(start: int, n: int = 1) -> LabelPane:
    made = LabelPane(PaneKey(start, 10, "m", "1", ""))
    made.cells[(0, 0)] = Outcomes(n, n)
    return made


def send(merge: PaneMerge, what: Pane, partition: int = 0, epoch: int = 0) -> None:
    merge.on_pane({"partition": partition, "epoch": epoch, "pane": what.to_wire()})


def mark(
    merge: PaneMerge, prediction: int, partition: int = 0, epoch: int = 0, of: int = 2, idle: bool = False
) -> None:
    both = {"prediction": prediction, "label": prediction}
    merge.on_watermark({"partition": partition, "partitions": of, "epoch": epoch, "idle": idle, **both})


def closed(merge: PaneMerge) -> list[tuple[str, int, int]]:
    return [
        (
            ("labels", p.key.start_ms, p.total().n)
            if isinstance(p, LabelPane)
            else ("events", p.key.start_ms, p.events)
        )
        for p in merge.ready()
    ]


def counters(merge: PaneMerge) -> dict[str, Any]:
    c = merge.counters
    return {name: getattr(c, name) for name in ("copies", "void", "conflicting", "stray") if getattr(c, name)}


def test_a_pane_waits_for_the_slowest_partition_and_for_the_delay() -> None:
    merge = PaneMerge(delay_ms=2)
    send(merge, pane(0, events=3))
    mark(merge, 12)
    assert closed(merge) == []
    send(merge, pane(0, events=4), partition=1)
    mark(merge, 11, partition=1)
    assert closed(merge) == []
    mark(merge, 12, partition=1)
    assert closed(merge) == [("events", 0, 7)]
    assert closed(merge) == []


def test_nothing_closes_before_every_partition_has_spoken() -> None:
    merge = PaneMerge(0)
    send(merge, pane(0))
    mark(merge, 1000, of=3)
    mark(merge, 1000, partition=1, of=3)
    assert closed(merge) == []
    mark(merge, 1000, partition=2, of=3)
    assert closed(merge) == [("events", 0, 1)]


def test_panes_of_a_kind_come_in_order_of_time_over_all_versions() -> None:
    merge = PaneMerge(0)
    for what in (pane(20), pane(0, version="2"), pane(10), labels(0), pane(0, events=5)):
        send(merge, what)
    mark(merge, 30, of=1)
    assert closed(merge) == [
        ("events", 0, 5), ("events", 0, 1), ("events", 10, 1), ("events", 20, 1), ("labels", 0, 1),
    ]  # fmt: skip


def test_labels_wait_for_the_label_watermark() -> None:
    merge = PaneMerge(0)
    send(merge, labels(0))
    merge.on_watermark(
        {"partition": 0, "partitions": 1, "epoch": 0, "prediction": 99, "label": 9, "idle": False}
    )
    assert closed(merge) == []
    merge.on_watermark(
        {"partition": 0, "partitions": 1, "epoch": 0, "prediction": 99, "label": 10, "idle": False}
    )
    assert closed(merge) == [("labels", 0, 1)]


def test_copies_are_known_before_and_after_closing_and_after_a_long_pause() -> None:
    merge = PaneMerge(0)
    send(merge, pane(0))
    send(merge, pane(0))
    mark(merge, 10, of=1)
    send(merge, pane(0))
    send(merge, pane(10))
    mark(merge, 10**9, of=1)
    send(merge, pane(0))
    assert closed(merge) == [("events", 0, 1), ("events", 10, 1)]
    assert counters(merge) == {"copies": 3}


def test_memory_is_bounded_and_what_is_forgotten_counts_as_stray_not_twice() -> None:
    merge = PaneMerge(0)
    for number in range(MEMORY_PANES + 10):
        send(merge, pane(10 * number))
        mark(merge, 10 * number + 10, of=1)
    assert sum(map(len, merge.closed.values())) == MEMORY_PANES
    merge.ready()
    send(merge, pane(0))
    assert closed(merge) == []
    assert counters(merge) == {"stray": 1}


def test_a_pane_for_a_time_that_is_closed_is_stray_also_where_no_partition_had_one() -> None:
    merge = PaneMerge(0)
    mark(merge, 50)
    mark(merge, 50, partition=1)
    send(merge, pane(30))
    send(merge, pane(50))
    assert counters(merge) == {"stray": 1}
    mark(merge, 60)
    mark(merge, 60, partition=1)
    assert closed(merge) == [("events", 50, 1)]


def test_panes_of_different_references_are_never_added() -> None:
    """A worker that has not heard of a new reference yet must not stop the watch of the model."""
    merge = PaneMerge(0)
    send(merge, pane(0, events=3, reference="ref-b"))
    send(merge, pane(0, events=4, reference="ref-a"), partition=1)
    send(merge, pane(0, events=5, reference="ref-b"), partition=2)
    for partition in range(3):
        mark(merge, 10, partition=partition, of=3)
    assert [(p.reference_id, p.events) for p in merge.ready() if isinstance(p, PredictionPane)] == [
        ("ref-a", 4),
        ("ref-b", 8),
    ]


def test_an_idle_partition_holds_nobody_up_until_it_wakes() -> None:
    merge = PaneMerge(0)
    send(merge, pane(0))
    mark(merge, 10)
    mark(merge, NEVER, partition=1, idle=True)
    (first,) = merge.ready()
    assert first.lifted
    send(merge, pane(10))
    mark(merge, 15, partition=1)
    mark(merge, 20)
    assert closed(merge) == []
    mark(merge, 20, partition=1)
    (second,) = merge.ready()
    assert not second.lifted


def test_what_has_closed_stays_closed_when_a_partition_wakes_up_behind() -> None:
    merge = PaneMerge(0)
    mark(merge, NEVER, partition=1, idle=True)
    send(merge, pane(0))
    mark(merge, 100)
    assert closed(merge) == [("events", 0, 1)]
    mark(merge, 5, partition=1)
    assert merge.closed_to("prediction") == 100
    send(merge, pane(0), partition=1)
    assert counters(merge) == {"stray": 1}


def test_a_new_owner_starts_over_with_its_own_watermark() -> None:
    """The zombie had lifted its watermark; the log has voided that."""
    merge = PaneMerge(0)
    mark(merge, 100)
    send(merge, pane(0), epoch=1)
    mark(merge, 5, epoch=1)
    mark(merge, 100, partition=1)
    mark(merge, 100, epoch=0)
    assert closed(merge) == []
    mark(merge, 10, epoch=1)
    assert closed(merge) == [("events", 0, 1)]
    assert counters(merge) == {"void": 1}


def test_a_snapshot_keeps_epochs_idleness_what_waits_and_what_is_ready() -> None:
    merge = PaneMerge(0)
    mark(merge, NEVER, partition=1, idle=True)
    send(merge, pane(0), epoch=3)
    send(merge, labels(0), epoch=3)
    mark(merge, 10, epoch=3)
    send(merge, pane(10), epoch=3)
    again = restore_merge(merge.snapshot(), 0)
    assert again.snapshot() == merge.snapshot()
    for one in (merge, again):
        mark(one, 20, epoch=2)
        mark(one, 20, epoch=3)
    assert closed(again) == closed(merge) == [("events", 0, 1), ("labels", 0, 1), ("events", 10, 1)]
    assert again.snapshot() == merge.snapshot()
