"""The join of one partition, case by case. Times are seconds on the timelines, milliseconds in the code."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest

from oracle.wire import counters_of, waiting_of
from tiltmeter.core.join.joiner import Joiner, JoinLogBrokenError
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import NEVER
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.events.columns import LogRecord, Rejected

#: Time buckets of 10 s, a reach of 8 buckets, panes of 1 s, a delay of 1 s.
POLICY = JoinPolicy(
    delay_ms=1_000, retention_ms=80_000, dedup_ms=10_000, corrections_ms=5_000,
    default=ModelPolicy(pane_ms=1_000),
)  # fmt: skip


class Partition:
    """A joiner with its log, fed one event per call unless told otherwise."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.joiner = Joiner(0, self.store, POLICY, ReferenceBook())
        self.log: list[bytes] = []
        self.rejected: list[Rejected] = []

    def predict(self, *at: float, name: str = "a", said: Any = 1, **more: Any) -> None:
        events = [{"prediction_id": name, "model": "m", "at": ms(t), "prediction": said, **more} for t in at]
        self.feed("predictions", events)

    def learn(self, *at: float, name: str = "a", label: Any = 1, **more: Any) -> None:
        self.feed("feedback", [{"prediction_id": name, "at": ms(t), "label": label, **more} for t in at])

    def feed(self, side: str, events: list[dict[str, Any]]) -> None:
        first = self.joiner.positions()[side] or 0
        records = [LogRecord(first + i, e["at"], None, orjson.dumps(e)) for i, e in enumerate(events)]
        decision, self.rejected = self.joiner.decide(side, first, first + len(records), records)
        assert {item.reason for item in self.rejected} <= {"conflicting_duplicate"}
        self.put(decision)

    def lift(self, side: str, to: float) -> None:
        self.put(self.joiner.decide_lift(side, ms(to)))

    def put(self, decision: Any) -> None:
        self.log.append(decision.encode())
        self.joiner.apply(decision, len(self.log) - 1)

    def panes(self, kind: str) -> dict[int, Any]:
        """All panes by the second of their start, open or closed."""
        state = self.joiner.state
        return {
            i[1].start_ms // 1000: pane
            for i, pane in sorted({**state.open, **state.outbox}.items())
            if i[0] == kind
        }

    def feedback(self) -> dict[int, dict[str, int]]:
        return {
            start: {k: n for k, n in pane.feedback.items() if n}
            for start, pane in self.panes("label").items()
        }


def ms(seconds: float) -> int:
    return round(seconds * 1000)


def test_a_prediction_and_its_label_meet_whichever_comes_first() -> None:
    first, second = Partition(), Partition()
    first.predict(100)
    first.learn(103)
    second.learn(103)
    second.predict(100)
    assert first.feedback() == second.feedback() == {103: {"matched": 1}}
    assert waiting_of(first.joiner) == waiting_of(second.joiner) == Counter()


def test_a_label_counts_when_both_records_were_known() -> None:
    r"""The prediction comes after the watermark has passed it; nothing before 105 can be told about it.

    predictions   105 ─ 100*
    feedback                  101*
    label pane                       105
    """
    partition = Partition()
    partition.predict(105, name="other")
    partition.predict(100)
    partition.learn(101)
    assert partition.feedback() == {105: {"matched": 1}}


def test_a_prediction_from_the_future_is_not_labelled_before_it_was_made() -> None:
    partition = Partition()
    partition.feed("predictions", [{"prediction_id": "a", "model": "m", "at": ms(100), "prediction": 1}])
    event = {"prediction_id": "b", "model": "m", "at": ms(160), "prediction": 1}
    decision, _ = partition.joiner.decide(
        "predictions", 1, 2, [LogRecord(1, ms(100), None, orjson.dumps(event))]
    )
    partition.put(decision)
    partition.learn(101, name="b")
    assert partition.feedback() == {160: {"matched": 1}}


def test_the_watermark_is_the_latest_event_but_never_later_than_its_record() -> None:
    partition = Partition()
    for offset, (at, timestamp) in enumerate([(100, 101), (3_000, 103), (90, 104)]):
        event = {"prediction_id": f"{offset}", "model": "m", "at": ms(at), "prediction": 1}
        record = LogRecord(offset, ms(timestamp), None, orjson.dumps(event))
        partition.put(partition.joiner.decide("predictions", offset, offset + 1, [record])[0])
    assert partition.joiner.watermarks() == {"prediction": ms(103), "label": NEVER}


def test_a_late_prediction_is_joined_and_counted_and_enters_no_pane() -> None:
    """A pane of 1 s closes 1 s after its end: at 101.999 the pane of 100 takes events, at 102 it does not."""
    partition = Partition()
    partition.predict(100, name="in time")
    partition.predict(101.999, name="mover")
    partition.predict(100.5, name="just in time")
    partition.predict(102, name="next mover")
    partition.predict(100.5, name="late")
    partition.learn(102, name="late")
    assert partition.panes("prediction")[100].events == 2
    assert counters_of(partition.joiner) == {("late", "predictions", "m", "unversioned"): 1}
    assert partition.feedback() == {102: {"matched": 1}}


def test_panes_close_once_in_order_and_stay_in_the_outbox_until_confirmed() -> None:
    partition = Partition()
    partition.predict(100, 101, 102, name="x")
    partition.predict(103, name="y")
    marks = partition.joiner.watermarks()
    assert [pane.key.start_ms for pane in partition.joiner.outbox()] == [ms(100)]
    partition.predict(104, name="z")
    partition.joiner.confirm(marks)
    assert [pane.key.start_ms for pane in partition.joiner.outbox()] == []
    assert Partition(partition.store).joiner.outbox() == []


def test_label_panes_wait_for_both_sides() -> None:
    partition = Partition()
    partition.predict(100)
    partition.learn(100)
    partition.predict(110, name="mover")
    assert [pane.to_wire()["kind"] for pane in partition.joiner.outbox()] == ["prediction"]
    partition.learn(102, name="mover")
    assert [pane.to_wire()["kind"] for pane in partition.joiner.outbox()] == ["label", "prediction"]


def test_the_same_event_again_is_a_duplicate_and_another_one_of_its_id_a_conflict() -> None:
    partition = Partition()
    partition.predict(100, 100)
    partition.predict(100)
    assert not partition.rejected
    partition.predict(100, said=0)
    assert [item.reason for item in partition.rejected] == ["conflicting_duplicate"]
    assert counters_of(partition.joiner) == {
        ("duplicate_predictions", "m", "unversioned"): 2,
        ("conflicting_predictions", "m", "unversioned"): 1,
    }
    assert partition.panes("prediction")[100].events == 1


@pytest.mark.parametrize(("again", "fresh"), [(105, False), (119.999, False), (120, True), (300, True)])
def test_an_id_may_be_used_again_after_the_next_time_bucket(again: float, fresh: bool) -> None:
    """Buckets of 10 s: what was first seen at 100 is known until 120."""
    partition = Partition()
    partition.predict(100)
    partition.predict(again)
    assert sum(pane.events for pane in partition.panes("prediction").values()) == 1 + fresh


def test_a_label_goes_to_the_oldest_prediction_of_its_id_within_reach() -> None:
    """Eight buckets: from 180 to 189.999 the prediction of 100 is in reach, and the one of 150 is not asked."""
    partition = Partition()
    partition.predict(100, weight=1)
    partition.predict(150, weight=2)
    partition.learn(189.999)
    partition.learn(190, label=0)
    weights = [cell.weight for pane in partition.panes("label").values() for cell in pane.cells.values()]
    assert weights == [1, 2]


def test_further_labels_are_duplicates_corrections_or_too_late() -> None:
    r"""Corrections are accepted for 5 s after the first label was known.

    100    101      102      103           107
    said 1 label 1  label 1  label 0       label 1
           matched  duplicate corrected    late correction
    """
    partition = Partition()
    partition.predict(100)
    partition.learn(101, 102)
    partition.learn(103, label=0)
    partition.learn(107, label=1)
    assert partition.feedback() == {
        101: {"matched": 1}, 102: {"duplicate": 1}, 103: {"corrected": 1}, 107: {"late_correction": 1},
    }  # fmt: skip
    change = partition.panes("label")[103].corrections[ms(101)]
    assert (change.n, change.confusion) == (0, {("1", "0"): 1, ("1", "1"): -1})


def test_a_revision_that_is_not_newer_is_a_duplicate_whatever_it_says() -> None:
    partition = Partition()
    partition.predict(100)
    partition.learn(101, revision=2)
    partition.learn(102, label=0, revision=1)
    partition.learn(103, label=0, revision=2)
    partition.learn(104, label=0, revision=3)
    partition.learn(105, label=1)
    assert partition.feedback() == {
        101: {"matched": 1}, 102: {"duplicate": 1}, 103: {"duplicate": 1},
        104: {"corrected": 1}, 105: {"corrected": 1},
    }  # fmt: skip


def test_labels_that_came_first_are_told_in_log_order() -> None:
    partition = Partition()
    partition.learn(101, label=0)
    partition.learn(102, label=1)
    assert waiting_of(partition.joiner) == {("f", 10): 2}
    partition.predict(100)
    assert partition.feedback() == {101: {"matched": 1}, 102: {"corrected": 1}}
    assert waiting_of(partition.joiner) == {}


def test_what_waited_too_long_is_counted_and_dropped() -> None:
    """Reach 8, buckets of 10 s: nothing can meet what was seen at 100 once the other side has reached 190."""
    partition = Partition()
    partition.predict(100, name="unlabelled")
    partition.learn(100, name="unknown")
    partition.predict(189, name="x")
    partition.learn(189, name="y")
    assert not counters_of(partition.joiner)
    partition.predict(190, name="z")
    assert counters_of(partition.joiner) == {("orphaned",): 1}
    partition.learn(190, name="z")
    assert counters_of(partition.joiner) == {("orphaned",): 1, ("expired", "m", "unversioned"): 1}
    assert {bucket for _, bucket in partition.store.buckets()} == {18, 19}


def test_a_prediction_is_kept_while_a_repetition_may_still_come() -> None:
    partition = Partition()
    partition.predict(100)
    partition.learn(500, name="far ahead")
    partition.predict(100)
    assert counters_of(partition.joiner) == {("duplicate_predictions", "m", "unversioned"): 1}


def test_a_lift_closes_panes_that_say_so() -> None:
    partition = Partition()
    partition.predict(100)
    partition.lift("predictions", 150)
    (pane,) = partition.joiner.outbox()
    assert pane.lifted
    partition.predict(140, name="b")
    assert counters_of(partition.joiner) == {("late", "predictions", "m", "unversioned"): 1}
    partition.predict(151, name="c")
    partition.predict(160, name="d")
    assert [pane.lifted for pane in partition.joiner.outbox()] == [True, False]


def test_a_label_that_a_lift_has_moved_flags_both_panes() -> None:
    partition = Partition()
    partition.learn(101, name="other")
    partition.lift("predictions", 150)
    partition.predict(149.5)
    partition.learn(102)
    assert {start: pane.lifted for start, pane in partition.panes("label").items()} == {149: True, 150: True}


def test_a_failed_prediction_is_labelled_but_neither_right_nor_wrong() -> None:
    partition = Partition()
    partition.predict(100, status="error")
    partition.learn(101)
    (cell,) = partition.panes("label")[101].cells.values()
    assert (cell.n, cell.confusion, set(cell.sums)) == (1, {}, {0})


def test_a_batch_that_does_not_continue_the_state_is_refused_before_it_is_logged() -> None:
    partition = Partition()
    partition.predict(100)
    with pytest.raises(
        JoinLogBrokenError, match=r"starts at predictions offset 5, but the state ends at 1.*restart"
    ):
        partition.joiner.decide("predictions", 5, 6, [])


def test_a_log_with_a_hole_is_refused_also_where_the_other_side_goes_on() -> None:
    partition = Partition()
    partition.predict(100)
    partition.learn(100)
    partition.predict(101, name="b")
    again = Partition().joiner
    again.restore(partition.log[0], 0)
    with pytest.raises(JoinLogBrokenError, match="goes on at offset 2, but the state ends at 1"):
        again.restore(partition.log[2], 2)


def test_a_claim_voids_what_an_earlier_owner_writes_after_it() -> None:
    r"""log   batch(0)  claim(1)  batch(0) void  batch(1)"""
    old = Partition()
    old.predict(100)
    heir = Partition().joiner
    heir.restore(old.log[0], 0)
    old.log.append(heir.claim())
    assert heir.restore(old.log[1], 1)
    old.predict(101, name="zombie")
    assert not heir.restore(old.log[2], 2)
    assert heir.positions()["predictions"] == 1
    assert heir.state.epoch == 1


def test_of_two_claims_of_one_epoch_the_second_is_void() -> None:
    first, second = Partition().joiner, Partition().joiner
    claims = [first.claim(), second.claim()]
    for joiner in (first, second):
        assert [joiner.restore(raw, offset) for offset, raw in enumerate(claims)] == [True, False]
    assert second.restore(second.claim(), 2)
    assert second.state.epoch == 2


def test_a_log_without_its_head_restores_from_a_claim() -> None:
    partition = Partition()
    partition.predict(100)
    partition.log.append(partition.joiner.claim())
    partition.joiner.restore(partition.log[1], 1)
    partition.predict(101, name="b")
    again = Partition().joiner
    for offset in (1, 2):
        assert again.restore(partition.log[offset], offset)
    assert again.state.to_wire() == partition.joiner.state.to_wire()


def test_a_log_without_its_head_and_without_a_claim_is_not_taken_for_an_empty_one() -> None:
    partition = Partition()
    partition.predict(100)
    partition.predict(101, name="b")
    again = Partition().joiner
    again.restore(partition.log[1], 1)
    with pytest.raises(JoinLogBrokenError, match="lost its head and holds no claim"):
        again.claim()


def test_a_claim_too_large_for_the_state_takes_the_partition_and_is_no_place_to_start_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partition = Partition()
    partition.predict(100)
    monkeypatch.setattr("tiltmeter.core.join.joiner.MOST_CLAIM_BYTES", 10)
    partition.log.append(partition.joiner.claim())
    partition.joiner.restore(partition.log[1], 1)
    monkeypatch.undo()
    partition.log.append(partition.joiner.claim())
    partition.joiner.restore(partition.log[2], 2)
    partition.predict(101, name="b")
    whole, headless = Partition().joiner, Partition().joiner
    for offset, raw in enumerate(partition.log):
        assert whole.restore(raw, offset)
    assert whole.state.to_wire() == partition.joiner.state.to_wire()
    headless.restore(partition.log[1], 1)
    with pytest.raises(JoinLogBrokenError, match="lost its head and holds no claim"):
        headless.claim()
    for offset in (2, 3):
        assert headless.restore(partition.log[offset], offset)
    assert headless.state.to_wire() == partition.joiner.state.to_wire()


def test_a_record_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="form 9; this version reads form 2"):
        Partition().joiner.restore(b'{"form":9}\n', 0)


def test_a_model_cannot_add_a_label_to_a_counter() -> None:
    partition = Partition()
    partition.predict(100, 100, model="a\x1fb")
    assert counters_of(partition.joiner) == {("duplicate_predictions", "a\ufffdb", "unversioned"): 1}
