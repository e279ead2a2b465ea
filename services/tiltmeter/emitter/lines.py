"""The engine of ``tiltmeter emit``: JSON lines to the topics.

A batch tool, not serving code: it waits for Kafka instead of dropping, and it raises on what only a person
can repair. Events keep their own ``at``, so history can be loaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tiltmeter.emitter.line_event import Kind, UnusableLineError, read_line
from tiltmeter.emitter.topics import Topics
from tiltmeter.kafka.emit_port import Deliveries, Outgoing, Transport

#: Reasons kept for the person at the terminal; all rejections are counted.
MAX_REJECTED_KEPT = 1_000
WAIT_SECONDS = 0.1
PROGRESS_EVENTS = 1_000


@dataclass(slots=True)
class EmitReport:
    """What became of the lines. ``sent = delivered + failed`` unless the final wait timed out."""

    lines: int = 0  # blank ones not counted
    predictions: int = 0
    feedback: int = 0
    delivered: int = 0
    failed: int = 0
    last_error: str | None = None
    rejected_count: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)  # (line number from 1, reason)

    @property
    def sent(self) -> int:
        return self.predictions + self.feedback

    @property
    def complete(self) -> bool:
        """Every line is an event in Kafka."""
        return self.rejected_count == 0 and self.delivered == self.sent

    def settle(self, deliveries: Deliveries) -> None:
        self.delivered += deliveries.delivered
        self.failed += deliveries.failed
        self.last_error = deliveries.error or self.last_error

    def reject(self, number: int, reason: str) -> None:
        self.rejected_count += 1
        if len(self.rejected) < MAX_REJECTED_KEPT:
            self.rejected.append((number, reason))


def emit_lines(
    lines: Iterable[bytes],
    transport: Transport,
    topics: Topics,
    *,
    kind: Kind = "auto",
    rate: float | None = None,
    progress: Callable[[EmitReport], None] | None = None,
    flush_timeout: float = 60.0,
    monotonic: Callable[[], float] = time.monotonic,
) -> EmitReport:
    """Send every line; blank ones are skipped, unusable ones reported. The caller closes the transport.

    ``rate`` is events per second, None as fast as Kafka takes them. ``progress`` sees the running report after
    every thousand events and at the end. Blocks while the transport is full, and at the end for up to
    ``flush_timeout`` seconds. Raises ValueError if ``rate`` is not positive, RuntimeError if the transport
    fails for good.
    """
    if rate is not None and rate <= 0:
        raise ValueError(f"rate is {rate!r} events per second; it must be positive")
    report = EmitReport()
    start = monotonic()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        report.lines += 1
        try:
            event = read_line(line, topics, kind)
        except UnusableLineError as error:
            report.reject(number, str(error))
            continue
        if rate is not None:
            _wait_until(start + report.sent / rate, transport, report, monotonic)
        _send(event, transport, report)
        if event.topic == topics.feedback:
            report.feedback += 1
        else:
            report.predictions += 1
        if report.sent % PROGRESS_EVENTS == 0:
            _poll(transport, report, 0.0)
            if progress is not None:
                progress(report)
    deadline = monotonic() + flush_timeout
    while report.delivered + report.failed < report.sent and monotonic() < deadline:
        _poll(transport, report, WAIT_SECONDS)
    if progress is not None:
        progress(report)
    return report


def _send(event: Outgoing, transport: Transport, report: EmitReport) -> None:
    while not transport.send(event):
        _poll(transport, report, WAIT_SECONDS)


def _wait_until(due: float, transport: Transport, report: EmitReport, monotonic: Callable[[], float]) -> None:
    while (early := due - monotonic()) > 0:
        _poll(transport, report, min(early, WAIT_SECONDS))


def _poll(transport: Transport, report: EmitReport, timeout_seconds: float) -> None:
    deliveries = transport.poll(timeout_seconds)
    report.settle(deliveries)
    if deliveries.fatal:
        raise RuntimeError(f"Kafka refuses this producer for good: {deliveries.error}. Start again.")
