"""What serving code may rely on: no blocking, no exceptions, bounded memory, exact counts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltmeter.emitter import Emitter, EmitterStats
from tiltmeter.emitter.count import Count
from tiltmeter.emitter.memory import MemoryTransport
from tiltmeter.emitter.outbox import Books, Outbox
from tiltmeter.emitter.sender import Sender
from tiltmeter.kafka.emit_port import Deliveries, Outgoing, room_kib


def emitter_over(transport: MemoryTransport, **options: Any) -> Emitter:
    return Emitter("unused:1", model="m", open_transport=lambda: transport, exit_timeout=0.1, **options)


def threads_of_emitters() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tiltmeter-emitter"]


class Hostile:
    """Raises whatever one does with it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("attribute")

    def __str__(self) -> str:
        raise RuntimeError("str")

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        return 1


class HostileMapping(Mapping[str, object]):
    def __getitem__(self, key: str) -> object:
        raise RuntimeError("getitem")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        raise RuntimeError("len")


def cycle() -> dict[str, object]:
    loop: dict[str, object] = {}
    loop["self"] = loop
    return loop


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.datetimes()
    | st.decimals()
    | st.complex_numbers()
    | st.integers(10**300, 10**310)
    | st.builds(Hostile)
    | st.builds(HostileMapping)
    | st.builds(cycle)
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(anything, min_size=14, max_size=14), anything, anything)
def test_no_argument_whatever_makes_it_raise(values: list[Any], features: Any, identity: Any) -> None:
    emitter = emitter_over(MemoryTransport())
    try:
        returned = emitter.prediction(
            features,
            values[0],
            prediction_id=identity,
            score=values[1],
            probabilities=values[2],
            at=values[3],
            latency_ms=values[4],
            status=values[5],
            segments=values[6],
            entity_id=values[7],
            variant=values[8],
            request_id=values[9],
        )
        assert isinstance(returned, str)
        answer = emitter.feedback(
            identity,
            values[10],
            at=values[3],
            outcome_at=values[11],
            label_propensity=values[12],
            source=values[13],
            revision=values[1],
            value=values[2],
        )
        assert isinstance(answer, bool)
        stats = emitter.stats()
        assert stats.accepted + stats.dropped_unserialisable == 2
    finally:
        emitter.close()


def test_constructing_starts_nothing() -> None:
    opened: list[None] = []

    def open_transport() -> MemoryTransport:
        opened.append(None)
        return MemoryTransport()

    before = threads_of_emitters()
    emitter = Emitter("unused:1", model="m", open_transport=open_transport)
    assert (threads_of_emitters(), opened) == (before, [])
    emitter.prediction({}, 1)
    assert emitter.flush()
    assert (len(threads_of_emitters()), len(opened)) == (len(before) + 1, 1)
    emitter.close()
    assert threads_of_emitters() == before


def test_while_kafka_is_down_events_wait_up_to_the_bound_and_are_then_dropped_and_counted() -> None:
    transport = MemoryTransport()
    transport.go_down()
    emitter = emitter_over(transport, max_queue=10)
    for number in range(25):
        emitter.prediction({}, number)
    stats = emitter.stats()
    assert (stats.accepted, stats.queue_depth, stats.dropped_queue_full) == (10, 10, 15)
    assert not emitter.flush(0.01)
    transport.come_up()
    assert emitter.flush()
    assert [b'"prediction":%d' % n in v for n, v in enumerate(transport.values("tiltmeter.predictions"))] == [
        True
    ] * 10
    assert emitter.stats() == EmitterStats(accepted=10, delivered=10, dropped_queue_full=15)
    emitter.close()


def test_a_transport_that_is_full_for_a_moment_loses_nothing() -> None:
    transport = MemoryTransport(capacity=3)
    emitter = emitter_over(transport)
    for number in range(100):
        emitter.prediction({}, number, prediction_id=str(number))
    assert emitter.flush()
    assert [event.key for event in transport.delivered] == [b"%d" % number for number in range(100)]
    emitter.close()


def test_the_queue_is_bounded_in_bytes_too() -> None:
    event = Outgoing("t", b"k", b"v" * 10_000)
    room = room_kib(10_000)
    outbox = Outbox(max_events=1_000, max_bytes=2 * room * 1024)
    assert [outbox.offer(event) for _ in range(3)] == [True, True, False]
    assert len(outbox.take(10)) == 2
    outbox.settle(Deliveries(1, 0, room))
    assert [outbox.offer(event) for _ in range(2)] == [True, False]
    assert len(outbox.take(10)) == 1
    outbox.settle(Deliveries(1, 1, 2 * room))
    assert outbox.snapshot() == Books(accepted=3, delivered=2, failed=1, depth=0, dropped=2, room_bytes=0)


def test_a_count_loses_nothing_and_is_not_changed_by_reading() -> None:
    count = Count()

    def work() -> None:
        for _ in range(10_000):
            count.add()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert count.value() <= 80_000
    assert [count.value(), count.value()] == [80_000, 80_000]


def test_refused_events_are_counted_and_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now_ms = 1_000_000
    transport = MemoryTransport()
    transport.refuse("Broker: Unknown topic or partition")
    emitter = emitter_over(transport, clock=lambda: now_ms)
    with caplog.at_level(logging.WARNING, "tiltmeter.emitter"):
        for _ in range(3):
            emitter.prediction({}, 1)
            assert emitter.flush()
        assert len(caplog.records) == 1
        assert "Unknown topic" in caplog.text
        now_ms += 60_000
        emitter.prediction({}, 1)
        assert emitter.flush()
        assert len(caplog.records) == 2
    assert emitter.stats().failed_delivery == 4
    emitter.close()


class Held(logging.Handler):
    """A log that takes its time: whoever writes a line waits until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.may_go = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.reached.set()
        assert self.may_go.wait(30)


def test_a_flush_returns_when_the_failure_has_been_counted_and_said() -> None:
    """The order of the two is the sender's; here it stands between them."""
    transport, log = MemoryTransport(), Held()
    transport.refuse("Broker: Unknown topic or partition")
    emitter = emitter_over(transport)
    logger = logging.getLogger("tiltmeter.emitter")
    logger.addHandler(log)
    try:
        emitter.prediction({}, 1)
        assert log.reached.wait(30)
        assert not emitter.flush(0)
        assert emitter.stats() == EmitterStats(accepted=1, queue_depth=1, queue_bytes=1024)
        log.may_go.set()
        assert emitter.flush(30)
        assert emitter.stats() == EmitterStats(accepted=1, failed_delivery=1)
    finally:
        log.may_go.set()
        logger.removeHandler(log)
        emitter.close()


def test_a_log_handler_that_raises_reaches_neither_the_caller_nor_the_sender() -> None:
    class Broken(logging.Handler):
        told = 0

        def handle(self, record: logging.LogRecord) -> bool:
            self.told += 1
            raise RuntimeError("the log is full")

    broken, logger = Broken(), logging.getLogger("tiltmeter.emitter")
    transport = MemoryTransport()
    transport.refuse("Broker: Unknown topic or partition")
    emitter = emitter_over(transport)
    logger.addHandler(broken)
    try:
        emitter.prediction({}, object())
        emitter.prediction({}, 1)
        assert emitter.flush()
        emitter.prediction({}, 1)
        assert emitter.flush()
    finally:
        logger.removeHandler(broken)
    assert broken.told == 2
    assert emitter.stats().failed_delivery == 2
    emitter.close()


def test_a_complaint_never_shows_text_of_the_callers_objects(caplog: pytest.LogCaptureFixture) -> None:
    class SecretError(Exception):
        pass

    class Features(dict[str, object]):
        def items(self) -> Any:
            raise SecretError("4111 1111 1111 1111")

    emitter = emitter_over(MemoryTransport())
    emitter.prediction(Features(a=float("nan")), 1)
    assert "SecretError" in caplog.text
    assert "4111" not in caplog.text


def test_a_configuration_librdkafka_refuses_fails_the_events_and_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Emitter("localhost:1", model="m", config={"no.such.setting": 1}) as emitter:
        emitter.prediction({}, 1)
        assert emitter.flush()
        assert emitter.stats().failed_delivery == 1
    assert "no.such.setting" in caplog.text


def test_many_threads_lose_and_repeat_nothing() -> None:
    transport = MemoryTransport()
    emitter = emitter_over(transport)
    together = threading.Barrier(8)

    def work(thread: int) -> None:
        together.wait()
        for number in range(500):
            emitter.prediction({"n": number}, 1, prediction_id=f"{thread}-{number}")

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert emitter.flush()
    keys = [event.key.decode() for event in transport.delivered]
    assert sorted(keys) == sorted(f"{thread}-{number}" for thread in range(8) for number in range(500))
    assert emitter.stats() == EmitterStats(accepted=4000, delivered=4000)
    emitter.close()


def test_a_fork_waits_while_a_connection_is_being_made() -> None:
    """Threads that look up names hold locks of the C library, which a forked child would never get."""
    transport = MemoryTransport()
    opening, may_open = threading.Event(), threading.Event()

    def open_slowly() -> MemoryTransport:
        opening.set()
        assert may_open.wait(30)
        return transport

    outbox = Outbox(10, 10_000)
    sender = Sender(outbox, open_slowly, lambda *_: None)
    assert sender.await_steady(0)
    outbox.offer(Outgoing("t", b"k", b"v"))
    sender.notify()
    assert opening.wait(30)
    assert not sender.await_steady(0)
    transport.go_down()
    may_open.set()
    assert not sender.await_steady(0.01)
    transport.come_up()
    assert sender.await_steady(30)
    sender.close()


def test_closing_without_kafka_ends_in_time_and_owns_up_to_what_is_lost() -> None:
    transport = MemoryTransport()
    transport.go_down()
    emitter = emitter_over(transport)
    emitter.prediction({}, 1)
    start = time.monotonic()
    assert not emitter.close(0.05)
    assert time.monotonic() - start < 2
    assert emitter.stats() == EmitterStats(accepted=1, failed_delivery=1)


def test_after_closing_events_are_dropped_and_counted() -> None:
    emitter = emitter_over(MemoryTransport())
    emitter.prediction({}, 1)
    assert emitter.close()
    assert emitter.close()
    assert emitter.prediction({}, 1)
    assert not emitter.feedback("p", 1)
    assert emitter.stats() == EmitterStats(accepted=1, delivered=1, dropped_closed=2)
