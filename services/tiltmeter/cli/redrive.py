"""`tiltmeter redrive`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Literal

import click

from tiltmeter.cli.configured import Failure, configured
from tiltmeter.cli.instant import Instant
from tiltmeter.cli.progress import progress
from tiltmeter.cli.reached import reached
from tiltmeter.events.reasons import Reason
from tiltmeter.events.rejected_record import REDRIVEN
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.redrive.rejected_log import RejectedLog
from tiltmeter.redrive.run import Nowhere, Report, SourceTopics, redrive
from tiltmeter.redrive.selection import DEFAULT_MAX_TRIES, Selection
from tiltmeter.settings import Settings

#: Refused events shown; all of them are counted.
REFUSALS_SHOWN = 20


@click.command(
    name="redrive", epilog="Example: tiltmeter redrive --reason bad_time --from 2026-01-01T00:00:00Z --yes"
)
@click.option(
    "--reason",
    "reasons",
    type=click.Choice([reason.value for reason in Reason]),
    multiple=True,
    metavar="REASON",
    help="Only events rejected for this reason; repeatable [default: all that can be mended].",
)
@click.option("--topic", type=click.Choice(["predictions", "feedback"]), help="Only events of this topic.")
@click.option("--from", "start", type=Instant(), help="Only events rejected at or after this time, RFC 3339.")
@click.option("--to", "end", type=Instant(), help="Only events rejected before this time.")
@click.option(
    "--max-tries",
    type=click.IntRange(1),
    default=DEFAULT_MAX_TRIES,
    show_default=True,
    help="Leave an event that was sent back so often.",
)
@click.option("--yes", is_flag=True, help="Send them. Without it nothing is written.")
@configured
def redrive_command(
    settings: Settings,
    reasons: tuple[str, ...],
    topic: Literal["predictions", "feedback"] | None,
    start: int | None,
    end: int | None,
    max_tries: int,
    yes: bool,
) -> None:
    """Send rejected events back to their topics, once what was wrong with them is mended.

    Key, value and headers are the producer's. An event is sent back once, however often this runs; if it is
    rejected again, it may be sent back again.
    """
    names = TopicNames(settings.kafka.topic_prefix)
    connection = reached(settings, names.rejected, names.predictions, names.feedback)
    wanted = None if topic is None else {names.predictions if topic == "predictions" else names.feedback}
    selection = Selection(
        {names.predictions, names.feedback}, set(reasons) or None, wanted, max_tries=max_tries
    )
    log = RejectedLog(connection, names, start, end)
    report = Report()
    try:
        with (
            BlockingProducer(connection) if yes else nullcontext() as producer,
            progress("redriving", log.marked + log.asked) as advance,
        ):
            sink = Nowhere() if producer is None else SourceTopics(producer, names.rejected)
            redrive(log, selection, sink, report, advance)
    finally:
        for line in summary(report, sent=yes):
            click.echo(line)
    if report.refused:
        raise Failure("\n".join(refusals(report)))


def refusals(report: Report) -> Iterator[str]:
    """What Kafka did not take, and what to do."""
    count = len(report.refused)
    yield f"{count:,} {'event' if count == 1 else 'events'} refused by Kafka and not sent back:"
    for refusal in report.refused[:REFUSALS_SHOWN]:
        topic, partition, offset = refusal.position
        yield f"  {topic}, partition {partition}, offset {offset} ({refusal.reason}): {refusal.cause}"
    if count > REFUSALS_SHOWN:
        yield f"  ... and {count - REFUSALS_SHOWN:,} more"
    yield (
        f"An event that is sent back carries one more header, {REDRIVEN}. Raise max.message.bytes of the topic by "
        "1024 and run this again: what was sent back already is not sent again."
    )


def summary(report: Report, sent: bool) -> Iterator[str]:
    """The lines at the end; the largest number of events first."""
    events = report.sent.total()
    yield f"{events:,} {'event' if events == 1 else 'events'} {'' if sent else 'would be '}sent back"
    for (topic, reason), count in sorted(report.sent.items(), key=_largest_first):
        yield f"{count:>12,}  {reason}, to {topic}"
    if report.skipped:
        yield f"{report.skipped.total():,} left"
    for skip, count in sorted(report.skipped.items(), key=_largest_first):
        yield f"{count:>12,}  {skip}"
    if not sent and report.sent:
        yield "Nothing was written. Add --yes to send them."


def _largest_first(counted: tuple[object, int]) -> tuple[int, str]:
    name, count = counted
    return -count, str(name)
