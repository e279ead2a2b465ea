"""What a rejected event looks like on the rejected topic, and what is read back from there."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from tiltmeter import __version__
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.events.columns import LogRecord, Rejected
from tiltmeter.events.reasons import MAX_EVENT_BYTES, Reason
from tiltmeter.events.rejected_record import (
    KEPT_BYTES,
    MAX_WHOLE_BYTES,
    REDRIVEN,
    RejectedRecord,
    read_rejected,
    rejected_record,
)

NOON = 1_767_787_200_000
EVENT = {"prediction_id": "p", "model": "m", "at": NOON, "prediction": 1}
TRACEPARENT = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
MIB = 1024 * 1024


def rejected(value: bytes | None = b"{", key: bytes | None = b"k", headers: Any = ()) -> Rejected:
    return Rejected(17, "malformed_json", "$: broken. Mend it.", NOON, key, value, headers)


def written(item: Rejected) -> RejectedRecord:
    return rejected_record(item, "tiltmeter.predictions", 3)


def as_record(of: RejectedRecord) -> LogRecord:
    return LogRecord(0, NOON, of.key, of.value, of.headers)


def ours(of: RejectedRecord) -> dict[str, bytes]:
    start = "__tiltmeter.errors."
    return {name.removeprefix(start): value for name, value in of.headers if name.startswith(start)}


def test_key_value_and_headers_are_untouched_and_what_is_known_is_added_behind() -> None:
    item = rejected(b"\x00\xff{", b"\xff\x00", [TRACEPARENT, ("empty", b""), TRACEPARENT])
    record = written(item)
    assert (record.key, record.value) == (b"\xff\x00", b"\x00\xff{")
    assert record.headers[:3] == [TRACEPARENT, ("empty", b""), TRACEPARENT]
    assert ours(record) == {
        "topic": b"tiltmeter.predictions",
        "partition": b"3",
        "offset": b"17",
        "timestamp": b"%d" % NOON,
        "reason": b"malformed_json",
        "message": b"$: broken. Mend it.",
        "app.version": __version__.encode(),
    }


def test_what_is_written_is_read_back_without_our_headers() -> None:
    item = rejected(headers=[TRACEPARENT, (REDRIVEN, b"2")])
    event = read_rejected(as_record(written(item)))
    assert event is not None
    assert event.position == ("tiltmeter.predictions", 3, 17)
    assert (event.reason, event.key, event.value, event.headers) == (item.reason, b"k", b"{", [TRACEPARENT])
    assert (event.redriven, event.cut) == (2, False)


def test_a_tombstone_stays_one() -> None:
    assert written(rejected(value=None)).value is None


def test_an_event_over_1_mib_leaves_its_beginning_its_size_and_its_hash() -> None:
    value = bytes(range(256)) * (5 * MIB // 256)
    record = written(rejected(value))
    assert record.value == value[:KEPT_BYTES]
    assert ours(record)["size"] == b"%d" % len(value)
    assert ours(record)["sha256"].decode() == hashlib.sha256(value).hexdigest()
    assert ours(record)["offset"] == b"17"
    event = read_rejected(as_record(record))
    assert event is not None
    assert event.cut


def test_an_event_of_1_mib_is_whole() -> None:
    value = b"x" * MAX_EVENT_BYTES
    record = written(rejected(value))
    assert record.value == value
    assert "sha256" not in ours(record)


def test_a_huge_key_or_huge_headers_cannot_make_a_record_that_the_topic_refuses() -> None:
    """Such a record would stop its partition: it can be neither processed nor set aside."""
    huge = b"x" * (3 * MIB)
    for item in (rejected(key=huge), rejected(headers=[("small", b"1"), ("huge", huge), ("last", b"2")])):
        record = written(item)
        size = sum(len(name) + len(value) for name, value in record.headers)
        assert size + len(record.key or b"") + len(record.value or b"") < MAX_WHOLE_BYTES
        assert "sha256" in ours(record)
    assert record.headers[0] == ("small", b"1")


def test_headers_that_a_producer_made_up_do_not_change_where_an_event_stood() -> None:
    forged = [("__tiltmeter.errors.topic", b"payments"), ("__tiltmeter.errors.sha256", b"")]
    event = read_rejected(as_record(written(rejected(headers=forged))))
    assert event is not None
    assert event.topic == "tiltmeter.predictions"


def test_what_is_not_a_rejected_event_is_not_read_as_one() -> None:
    whole = written(rejected()).headers
    for left_out in ("topic", "partition", "offset", "reason"):
        some = [header for header in whole if header[0] != "__tiltmeter.errors." + left_out]
        assert read_rejected(LogRecord(0, NOON, b"k", b"{", some)) is None
    odd = [*whole, ("__tiltmeter.errors.offset", b"-1")]
    assert read_rejected(LogRecord(0, NOON, b"k", b"{", odd)) is None


def joined(*events: dict[str, Any]) -> tuple[Joiner, list[Rejected]]:
    """One batch: offsets 0, 1, ..."""
    joiner = Joiner(0, MemoryStore(), JoinPolicy(), ReferenceBook([]))
    records = [LogRecord(i, NOON, b"p", orjson.dumps(event)) for i, event in enumerate(events)]
    decision, refused = joiner.decide("predictions", 0, len(records), records)
    joiner.apply(decision, 0)
    return joiner, refused


def test_a_second_event_under_an_id_is_rejected_whole_and_a_repetition_is_not() -> None:
    """
    offset  0: p → 1    1: p → 1    2: p → 0    3: malformed    4: p → 0
            accepted    repeated    conflict    rejected        conflict
    """
    other = {**EVENT, "prediction": 0}
    joiner, refused = joined(EVENT, EVENT, other, {}, other)
    assert [(item.offset, item.reason) for item in refused] == [
        (2, Reason.CONFLICTING_DUPLICATE),
        (3, Reason.MISSING_ID),
        (4, Reason.CONFLICTING_DUPLICATE),
    ]
    assert refused[0].value == orjson.dumps(other)
    assert joiner.state.counters == {
        "duplicate_predictions\x1fm\x1funversioned": 1,
        "conflicting_predictions\x1fm\x1funversioned": 2,
        "rejected\x1fpredictions\x1fmissing_id": 1,
    }


def test_a_conflict_with_an_event_of_an_earlier_batch_is_rejected_too() -> None:
    joiner, _ = joined(EVENT)
    record = LogRecord(1, NOON, b"p", orjson.dumps({**EVENT, "prediction": 0}))
    _, refused = joiner.decide("predictions", 1, 2, [record])
    assert [(item.offset, item.reason, item.value) for item in refused] == [
        (1, "conflicting_duplicate", record.value)
    ]
