"""`tiltmeter emit`."""

from __future__ import annotations

import gzip
import sys
from typing import IO, Literal, cast

import click

from tiltmeter.cli.configured import BadConfiguration, Failure, configured
from tiltmeter.cli.reached import reached
from tiltmeter.emitter.lines import EmitReport, emit_lines
from tiltmeter.emitter.producer_config import producer_config
from tiltmeter.emitter.topics import Topics
from tiltmeter.kafka.emit_transport import ConfluentTransport
from tiltmeter.settings import Settings

#: Rejected lines shown; all of them are counted.
SHOWN = 20


@click.command(epilog="Example: zcat january.jsonl.gz | tiltmeter emit --rate 5000")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--kind", type=click.Choice(["auto", "prediction", "feedback"]), default="auto", help="What lines hold."
)
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Events per second [default: all at once]."
)
@configured
def emit(
    settings: Settings, file: IO[bytes], kind: Literal["auto", "prediction", "feedback"], rate: float | None
) -> None:
    """Send predictions and feedback from JSON lines in FILE, gzipped or not [default: standard input].

    A line with a label and neither features nor prediction is feedback. Unusable lines are shown and skipped;
    then the exit code is 1, and everything else has been sent.
    """
    topics = Topics.of(settings.kafka.topic_prefix)
    connection = {**reached(settings, topics.predictions, topics.feedback).librdkafka()}
    servers = str(connection.pop("bootstrap.servers"))
    try:
        transport = ConfluentTransport(producer_config(servers, connection, 100_000, 128 * 1024 * 1024))
    except ValueError as error:
        raise BadConfiguration(str(error)) from error
    live = sys.stderr.isatty()

    def show(report: EmitReport) -> None:
        if live:
            click.echo(f"\r{report.sent:,} sent, {report.rejected_count:,} unusable", err=True, nl=False)

    try:
        report = emit_lines(unpacked(file), transport, topics, kind=kind, rate=rate, progress=show)
    finally:
        transport.close()
    if live:
        click.echo(err=True)
    for number, reason in report.rejected[:SHOWN]:
        click.echo(f"line {number}: {reason}", err=True)
    if report.rejected_count > SHOWN:
        click.echo(f"... and {report.rejected_count - SHOWN:,} more", err=True)
    click.echo(f"{report.predictions:,} predictions and {report.feedback:,} feedback events sent", err=True)
    if report.delivered < report.sent:
        lost = report.sent - report.delivered
        why = report.last_error or "nobody answered"
        raise Failure(f"{lost:,} events were not acknowledged: {why}. Check kafka.bootstrap_servers.")
    if report.rejected_count:
        raise Failure(
            f"{report.rejected_count:,} {'line is no event' if report.rejected_count == 1 else 'lines are no events'}"
        )


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """By its name: standard input cannot be looked into without taking from it."""
    return cast(IO[bytes], gzip.open(file)) if str(getattr(file, "name", "")).endswith(".gz") else file
