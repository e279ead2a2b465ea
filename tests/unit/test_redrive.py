"""Which rejected events are sent back, and that each is sent once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest

from tiltmeter.cli.redrive import refusals
from tiltmeter.events.columns import LogRecord, Rejected
from tiltmeter.events.reasons import Reason
from tiltmeter.events.rejected_record import REDRIVEN, RejectedEvent, rejected_record
from tiltmeter.redrive.mark import MARK, Position, mark_headers, read_mark
from tiltmeter.redrive.run import Nowhere, Refusal, Report, redrive
from tiltmeter.redrive.selection import Selection, Skip

SOURCES = {"t.predictions", "t.feedback"}


def record(offset: int, reason: str = "bad_time", topic: str = "t.predictions", **given: Any) -> LogRecord:
    """A record of the rejected topic about the event at ``offset`` of partition 0."""
    headers = given.pop("headers", ())
    item = Rejected(offset, reason, "why", 0, b"key", given.pop("value", b"{}"), headers)
    made = rejected_record(item, topic, 0)
    return LogRecord(0, 0, made.key, made.value, made.headers)


def mark(offset: int) -> LogRecord:
    return LogRecord(0, 0, b"key", None, mark_headers(Position("t.predictions", 0, offset)))


@dataclass
class Topic:
    """A rejected topic in memory: one batch per argument."""

    batches: list[list[LogRecord]]
    later: list[LogRecord] = field(default_factory=list)

    def marks(self) -> Iterable[Sequence[LogRecord]]:
        return [*self.batches, self.later]

    def events(self) -> Iterable[Sequence[LogRecord]]:
        return self.batches


@dataclass
class Sent:
    batches: list[list[int]] = field(default_factory=list)
    refuses: frozenset[int] = frozenset()

    def send_back(self, events: Sequence[RejectedEvent]) -> Sequence[Refusal]:
        self.batches.append([event.offset for event in events if event.offset not in self.refuses])
        refused = (event for event in events if event.offset in self.refuses)
        return [Refusal(Position(*event.position), event.reason, "too large") for event in refused]


def run(topic: Topic, **options: Any) -> tuple[list[list[int]], Report]:
    sink, report, seen = Sent(), Report(), []
    redrive(topic, Selection(SOURCES, **options), sink, report, seen.append)
    assert sum(seen) == 2 * sum(map(len, topic.batches)) + len(topic.later)
    return sink.batches, report


def the_skip(one: LogRecord, **options: Any) -> Skip:
    sent, report = run(Topic([[one]]), **options)
    assert sent == []
    assert report.sent.total() == 0
    (skip,) = report.skipped.elements()
    return skip


def test_events_go_back_batch_by_batch_and_are_counted_by_topic_and_reason() -> None:
    topic = Topic([[record(1), record(2, "malformed_json")], [record(3), record(4, topic="t.feedback")]])
    sent, report = run(topic)
    assert sent == [[1, 2], [3, 4]]
    assert report.sent == {
        ("t.predictions", "bad_time"): 2,
        ("t.predictions", "malformed_json"): 1,
        ("t.feedback", "bad_time"): 1,
    }
    assert report.skipped == {}


def test_an_event_that_stands_on_the_topic_twice_goes_back_once() -> None:
    """Rejected before the crash, and after it again: one event."""
    sent, report = run(Topic([[record(1), record(1)], [record(1), record(2)]]))
    assert sent == [[1], [2]]
    assert report.skipped == {Skip.REPEATED: 2}


def test_an_event_with_a_mark_stays_wherever_the_mark_stands() -> None:
    sent, report = run(Topic([[mark(7), record(1), record(2)], [mark(2)]], later=[mark(1)]))
    assert sent == []
    assert report.skipped == {Skip.SENT_BEFORE: 2}


def test_an_event_of_the_same_offset_elsewhere_is_another_event() -> None:
    sent, _ = run(Topic([[mark(1), record(1, topic="t.feedback")]]))
    assert sent == [[1]]


def test_an_event_that_was_cut_stays() -> None:
    assert the_skip(record(1, "too_large", value=b"x" * ((1 << 20) + 1))) is Skip.CUT


@pytest.mark.parametrize(("redriven", "goes"), [(0, True), (1, True), (2, False), (9, False)])
def test_an_event_that_came_back_too_often_stays(redriven: int, goes: bool) -> None:
    one = record(1, headers=[(REDRIVEN, b"%d" % redriven)])
    sent, report = run(Topic([[one]]), max_tries=2)
    assert bool(sent) is goes
    assert report.skipped == ({} if goes else {Skip.TRIED_OFTEN: 1})


@pytest.mark.parametrize("reason", [Reason.CONFLICTING_DUPLICATE, Reason.EMPTY_VALUE])
def test_what_nothing_can_mend_goes_only_by_name(reason: Reason) -> None:
    assert the_skip(record(1, reason)) is Skip.HOPELESS
    assert run(Topic([[record(1, reason)]]), reasons={reason})[0] == [[1]]


def test_reasons_and_topics_are_chosen() -> None:
    assert the_skip(record(1), reasons={"missing_id"}) is Skip.NOT_ASKED_FOR
    assert the_skip(record(1), topics={"t.feedback"}) is Skip.NOT_ASKED_FOR
    assert run(Topic([[record(1)]]), reasons={"bad_time"}, topics={"t.predictions"})[0] == [[1]]


def test_an_event_of_a_topic_that_is_not_ours_stays() -> None:
    assert the_skip(record(1, topic="payments")) is Skip.NOT_OURS


def test_records_that_are_neither_event_nor_mark_are_passed_over() -> None:
    odd = [
        LogRecord(0, 0, None, None),
        LogRecord(0, 0, None, None, [(MARK, b"{")]),
        LogRecord(0, 0, None, None, [(MARK, b"7")]),
        LogRecord(0, 0, None, None, [(MARK, b'[["t"], 0, 1]')]),
        LogRecord(0, 0, None, b"{}", [("__tiltmeter.errors.topic", b"t.predictions")]),
    ]
    assert run(Topic([odd])) == ([], Report())


def test_a_mark_that_a_producer_sent_in_its_own_headers_is_none() -> None:
    forged = mark_headers(Position("t.predictions", 0, 2))
    sent, _ = run(Topic([[record(1, "empty_value", value=None, headers=forged), record(2)]]))
    assert sent == [[2]]
    assert read_mark(mark(3)) == ("t.predictions", 0, 3)


class Crash(Exception):  # noqa: N818  (of the machine, not of the code)
    """The end of a run."""


@dataclass
class Crashing:
    """Writes to topics in memory, and ends the run at a step of :mod:`tiltmeter.redrive.run` in batch ``batch``."""

    topic: Topic
    before: int
    batch: int = 2
    sent: list[int] = field(default_factory=list)
    _batches: int = 0

    def send_back(self, events: Sequence[RejectedEvent]) -> Sequence[Refusal]:
        self._batches += 1
        for step, write in ((3, self.sent.extend), (4, self._mark)):
            if (self._batches, self.before) == (self.batch, step):
                raise Crash
            write(event.offset for event in events)
        return ()

    def _mark(self, offsets: Iterable[int]) -> None:
        self.topic.later.extend(map(mark, offsets))


@pytest.mark.parametrize(
    ("before", "batch", "first", "second"),
    [(3, 1, [], [1, 2]), (4, 1, [1], [1, 2]), (3, 2, [1], [2]), (4, 2, [1, 2], [2]), (3, 3, [1, 2], [])],
)
def test_a_crash_between_two_steps_loses_nothing_and_repeats_one_batch_at_most(
    before: int, batch: int, first: list[int], second: list[int]
) -> None:
    """
    batch 1: offset 1, batch 2: offset 2;  3 sends, 4 marks
    """
    topic = Topic([[record(1)], [record(2)]])
    crashing, report = Crashing(topic, before, batch), Report()
    with nullcontext() if batch == 3 else pytest.raises(Crash):
        redrive(topic, Selection(SOURCES), crashing, report, lambda _: None)
    assert crashing.sent == first
    assert report.sent.total() == len(topic.later), "reported is what is marked"
    assert [offset for events in run(topic)[0] for offset in events] == second


def test_what_the_broker_refuses_is_reported_and_the_rest_goes() -> None:
    topic = Topic([[record(1), record(2), record(3, "malformed_json")], [record(4)]])
    sink, report = Sent(refuses=frozenset({2, 3})), Report()
    redrive(topic, Selection(SOURCES), sink, report, lambda _: None)
    assert sink.batches == [[1], [4]]
    assert report.sent == {("t.predictions", "bad_time"): 2}
    assert set(report.sent) == {("t.predictions", "bad_time")}, "no line that counts nothing"
    assert [(refusal.position, refusal.reason) for refusal in report.refused] == [
        (("t.predictions", 0, 2), "bad_time"),
        (("t.predictions", 0, 3), "malformed_json"),
    ]


@pytest.mark.parametrize(("count", "lines"), [(1, 1), (20, 20), (23, 21)])
def test_refused_events_are_told_by_place_with_what_to_do(count: int, lines: int) -> None:
    refused = [Refusal(Position("t.feedback", 3, n), "bad_time", "Message too large") for n in range(count)]
    head, *shown, advice = refusals(Report(refused=refused))
    assert head == f"{count} event{'s' * (count > 1)} refused by Kafka and not sent back:"
    assert shown[0] == "  t.feedback, partition 3, offset 0 (bad_time): Message too large"
    assert len(shown) == lines
    assert "max.message.bytes" in advice


def test_a_dry_run_counts_and_sends_nothing() -> None:
    report = Report()
    redrive(Topic([[record(1)]]), Selection(SOURCES), Nowhere(), report, lambda _: None)
    assert report.sent.total() == 1
