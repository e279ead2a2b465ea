"""JSON lines to the topics: nothing changed, nothing dropped, every refusal with its line number."""

from __future__ import annotations

from typing import Any

import pytest

from tiltmeter.emitter.lines import MAX_REJECTED_KEPT, EmitReport, emit_lines
from tiltmeter.emitter.memory import MemoryTransport
from tiltmeter.emitter.topics import Topics
from tiltmeter.kafka.emit_port import Deliveries, Outgoing

TOPICS = Topics.of("t")
PREDICTION = b'{"prediction_id":"a", "features":{}, "prediction":1}'
FEEDBACK = b'{"prediction_id":"a","label":1}'


def emit(
    *lines: bytes, transport: MemoryTransport | None = None, **options: Any
) -> tuple[EmitReport, list[Outgoing]]:
    transport = transport or MemoryTransport()
    report = emit_lines(lines, transport, TOPICS, **options)
    return report, transport.delivered


def test_events_go_byte_for_byte_to_the_topic_their_content_names() -> None:
    report, delivered = emit(PREDICTION + b"\n", b"\n", b"  " + FEEDBACK + b"\r\n")
    assert delivered == [Outgoing("t.predictions", b"a", PREDICTION), Outgoing("t.feedback", b"a", FEEDBACK)]
    assert (report.lines, report.predictions, report.feedback, report.delivered) == (2, 1, 1, 2)
    assert report.complete


def test_a_label_beside_features_is_a_prediction_unless_forced() -> None:
    both = b'{"prediction_id":"a","features":{},"label":1}'
    assert emit(both)[1][0].topic == "t.predictions"
    assert emit(both, kind="feedback")[1][0].topic == "t.feedback"
    assert emit(FEEDBACK, kind="prediction")[1][0].topic == "t.predictions"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"prediction_id":"a","x":NaN}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "prediction_id"),
        (b'{"prediction_id":7}', "prediction_id"),
        (b'{"prediction_id":""}', "prediction_id"),
        (b"\xff", "not JSON"),
    ],
)
def test_an_unusable_line_is_reported_with_its_number_and_costs_no_other(line: bytes, reason: str) -> None:
    report, delivered = emit(PREDICTION, b"", line, FEEDBACK)
    assert len(delivered) == 2
    assert [number for number, _ in report.rejected] == [3]
    assert reason in report.rejected[0][1]
    assert not report.complete


def test_the_list_of_refusals_is_bounded_and_their_count_is_not() -> None:
    report, _ = emit(*[b"{"] * (MAX_REJECTED_KEPT + 5))
    assert (len(report.rejected), report.rejected_count) == (MAX_REJECTED_KEPT, MAX_REJECTED_KEPT + 5)


def test_a_full_transport_slows_it_down_instead_of_dropping() -> None:
    report, delivered = emit(*[PREDICTION] * 100, transport=MemoryTransport(capacity=7))
    assert (report.delivered, len(delivered)) == (100, 100)


def test_what_kafka_refuses_is_counted_with_its_reason() -> None:
    transport = MemoryTransport()
    transport.refuse("no such topic")
    report, delivered = emit(PREDICTION, transport=transport)
    assert (report.failed, report.last_error, delivered) == (1, "no such topic", [])
    assert not report.complete


def test_the_final_wait_is_bounded() -> None:
    transport = MemoryTransport()
    transport.go_down()
    report, _ = emit(PREDICTION, transport=transport, flush_timeout=0.0)
    assert (report.sent, report.delivered, report.failed) == (1, 0, 0)


class Metronome(MemoryTransport):
    """Waiting in poll is what moves its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def poll(self, timeout_seconds: float) -> Deliveries:
        self.now += timeout_seconds
        return super().poll(0.0)


def test_the_rate_spreads_events_evenly() -> None:
    transport = Metronome()
    seen: list[float] = []

    def lines() -> Any:
        for _ in range(21):
            seen.append(transport.now)
            yield PREDICTION

    emit_lines(lines(), transport, TOPICS, rate=10.0, monotonic=lambda: transport.now)
    assert seen == pytest.approx([0.0] + [number / 10 for number in range(20)])


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_rate_that_never_ends_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        emit(PREDICTION, rate=rate)


def test_progress_is_shown_on_the_way_and_at_the_end() -> None:
    shown: list[int] = []
    emit(*[PREDICTION] * 2_500, progress=lambda report: shown.append(report.sent))
    assert shown == [1_000, 2_000, 2_500]


def test_a_transport_that_failed_for_good_is_an_error() -> None:
    class Broken(MemoryTransport):
        def poll(self, timeout_seconds: float) -> Deliveries:
            return Deliveries(0, 1, 1, "fenced", fatal=True)

    with pytest.raises(RuntimeError, match="fenced"):
        emit(PREDICTION, transport=Broken())
