"""`tiltmeter backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import click
import orjson

from tiltmeter.archive.read import archived_partitions
from tiltmeter.backtest.replay import Replay
from tiltmeter.backtest.source_log import SourceLog, even_batches, file_logs, topic_logs
from tiltmeter.cli.configured import configured
from tiltmeter.cli.instant import Instant
from tiltmeter.cli.progress import progress
from tiltmeter.cli.reached import reached
from tiltmeter.cli.reference_file import read_reference
from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.events.alert import encode_alert
from tiltmeter.kafka.reference_topic import ReferenceTopic
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.settings import Settings

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="Example: tiltmeter backtest --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --out january.jsonl"
)
@click.option(
    "--from",
    "from_ms",
    type=Instant(),
    help="First Kafka timestamp, RFC 3339 or epoch milliseconds [default: the oldest record].",
)
@click.option("--to", "to_ms", type=Instant(), help="Kafka timestamp to stop at [default: the present end].")
@click.option(
    "--archive",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Read what `tiltmeter export` wrote to this folder instead of the topics.",
)
@click.option("--predictions", type=_File, help="Read JSON lines from this file instead of the topics.")
@click.option("--feedback", type=_File, help="Feedback for --predictions.")
@click.option(
    "--reference", "references", type=_File, multiple=True, help="Use this reference too; repeatable."
)
@click.option("--out", type=click.File("wb"), default="-", help="Where to write [default: standard output].")
@click.option("--panes/--no-panes", default=True, help="Write closed panes, or alerts and the summary only.")
@configured
def backtest(
    settings: Settings,
    *,
    from_ms: int | None,
    to_ms: int | None,
    archive: Path | None,
    predictions: Path | None,
    feedback: Path | None,
    references: tuple[Path, ...],
    out: IO[bytes],
    panes: bool,
) -> None:
    """Run the monitor over the past: the same code as live, with event time as the only clock.

    Reads the topics without joining a group and without committing. Writes one JSON object a line: panes,
    alerts and rejected events as they come to be known, then a summary.
    """
    if feedback is not None and predictions is None:
        raise click.UsageError("--feedback goes with --predictions")
    if archive is not None and predictions is not None:
        raise click.UsageError("--archive and --predictions are two sources: give one")
    if (archive or predictions) and (from_ms is not None or to_ms is not None):
        raise click.UsageError("--from and --to are for topics; `tiltmeter export` has --since and --until")
    book = ReferenceBook(map(read_reference, references))
    if predictions is not None:
        logs = file_logs(predictions, feedback)
    elif archive is not None:
        logs = _archive_logs(archive)
    else:
        names = TopicNames(settings.kafka.topic_prefix)
        connection = reached(settings, names.predictions, names.feedback, names.references)
        for profile in ReferenceTopic(connection, names.references).fresh():
            book.add(profile)
        logs = topic_logs(connection, names, from_ms, to_ms)
    replay = Replay(logs, settings.join_policy(), book)
    counts = {"records": 0, "pane": 0, "alert": 0, "rejected": 0}
    with progress("replaying", sum(log.records for log in logs)) as advance:

        def read(records: int) -> None:
            counts["records"] += records
            advance(records)

        for kind, value in replay.run(read):
            counts[kind] += 1
            if kind == "alert":
                out.write(encode_alert(value) + b"\n")
            elif kind == "pane" and panes:
                out.write(orjson.dumps({"type": "pane", **value}) + b"\n")
            elif kind == "rejected":
                log, item = value
                where = {"side": log.side, "partition": log.partition, "offset": item.offset}
                out.write(
                    orjson.dumps({"type": "rejected", **where, "reason": item.reason, "detail": item.detail})
                )
                out.write(b"\n")
    out.write(orjson.dumps({"type": "summary", **counts}) + b"\n")


def _archive_logs(archive: Path) -> list[SourceLog]:
    """Both source topics of what ``tiltmeter export`` has written."""
    return [
        SourceLog(part.partition, side, part.count, even_batches(part.records()))
        for side, topic in ((PREDICTIONS, "predictions"), (FEEDBACK, "feedback"))
        for part in archived_partitions(archive, topic)
    ]
