"""One run of ``tiltmeter redrive``.

1. read the marks of earlier runs
2. read the rejected events, select
3. send a batch to the source topics, acknowledged by all replicas
4. write its marks to the rejected topic, acknowledged

An event that the broker will not take (it filled its topic's limit on size, and a header is added) is reported and
gets no mark; the others go.

A crash between 3 and 4 leaves a batch without marks: the next run sends it again, and what was accepted the first
time is recognised by its id and bytes and counted as a repetition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tiltmeter.events.columns import LogRecord
from tiltmeter.events.rejected_record import REDRIVEN, RejectedEvent, read_rejected
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.errors import RecordRefusedError
from tiltmeter.redrive.mark import Position, mark_headers, read_mark
from tiltmeter.redrive.selection import Selection, Skip


class Log(Protocol):
    """The rejected topic. Both may be read once, in any order of partitions, each partition in log order."""

    def marks(self) -> Iterable[Sequence[LogRecord]]: ...
    def events(self) -> Iterable[Sequence[LogRecord]]: ...


class Refusal(NamedTuple):
    """An event that the broker will not take as it is, and what it said."""

    position: Position
    reason: str
    cause: str


class Sink(Protocol):
    """Where events are sent back to. Returns when all but the refused, and then their marks, are acknowledged."""

    def send_back(self, events: Sequence[RejectedEvent]) -> Sequence[Refusal]: ...


@dataclass(slots=True)
class Report:
    """``sent`` by (topic, reason)."""

    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: Counter[Skip] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)


def redrive(
    log: Log, selection: Selection, sink: Sink, report: Report, progress: Callable[[int], None]
) -> None:
    """Fills ``report`` as it goes, so that it is true also of a run that is interrupted."""
    for records in log.marks():
        selection.marked.update(filter(None, map(read_mark, records)))
        progress(len(records))
    for records in log.events():
        chosen = []
        for event in filter(None, map(read_rejected, records)):
            skip = selection.skip(event)
            if skip is None:
                chosen.append(event)
            else:
                report.skipped[skip] += 1
        if chosen:
            refused = sink.send_back(chosen)
            report.refused.extend(refused)
            unsent = {refusal.position for refusal in refused}
            report.sent.update((e.topic, e.reason) for e in chosen if e.position not in unsent)
        progress(len(records))


class Nowhere:
    """A dry run."""

    def send_back(self, events: Sequence[RejectedEvent]) -> Sequence[Refusal]:
        """Nothing is written."""
        return ()


class SourceTopics:
    """The topics the events came from: bytes and headers as the producer sent them, and how often we did."""

    def __init__(self, producer: BlockingProducer, rejected_topic: str) -> None:
        self._producer = producer
        self._rejected_topic = rejected_topic

    def send_back(self, events: Sequence[RejectedEvent]) -> Sequence[Refusal]:
        """Raises a KafkaLogError for the first record that does not arrive; none of the batch is marked then."""
        # Records that travel together are refused together: alone, each is judged by itself.
        suspects = [event for event, _ in self._send(events)]
        refused = [
            Refusal(Position(*event.position), event.reason, cause)
            for suspect in suspects
            for event, cause in self._send([suspect])
        ]
        unsent = {refusal.position for refusal in refused}
        for event in events:
            position = Position(*event.position)
            if position not in unsent:
                self._producer.produce(self._rejected_topic, None, event.key, None, mark_headers(position))
        self._producer.flush()
        return refused

    def _send(self, events: Sequence[RejectedEvent]) -> list[tuple[RejectedEvent, str]]:
        """Those that were refused, and why, when all are acknowledged or refused."""
        refused: list[tuple[RejectedEvent, str]] = []
        for event in events:
            # The key decides, as it should have done before; without one the event stays where it was.
            partition = event.partition if event.key is None else None
            headers = [*event.headers, (REDRIVEN, b"%d" % (event.redriven + 1))]

            def note(error: RecordRefusedError, event: RejectedEvent = event) -> None:
                refused.append((event, error.cause))

            self._producer.produce(event.topic, partition, event.key, event.value, headers, on_refused=note)
        self._producer.flush()
        return refused
