"""`tiltmeter backtest`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tiltmeter.backtest.replay import Replay
from tiltmeter.backtest.source_log import SourceLog, file_logs, topic_logs
from tiltmeter.cli.configured import configured
from tiltmeter.core.reference import ReferenceProfile
from tiltmeter.core.reference_book import ReferenceBook
from tiltmeter.events.alert import encode_alert
from tiltmeter.events.timestamp import BadTimeError, parse_timestamp
from tiltmeter.kafka.reference_topic import ReferenceTopic
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.settings import Settings

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="Example: tiltmeter backtest --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --out january.jsonl"
)
@click.option("--from", "start", help="First Kafka timestamp, RFC 3339 [default: the oldest record].")
@click.option("--to", "end", help="Kafka timestamp to stop at [default: the present end].")
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
    start: str | None,
    end: str | None,
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
    from_ms, to_ms = _time(start), _time(end)
    book = ReferenceBook(ReferenceProfile.from_json(path.read_bytes()) for path in references)
    if predictions is not None:
        logs = file_logs(predictions, feedback)
    else:
        if feedback is not None:
            raise click.UsageError("--feedback goes with --predictions")
        names = TopicNames(settings.kafka.topic_prefix)
        for profile in ReferenceTopic(settings.connection(), names.references).fresh():
            book.add(profile)
        logs = topic_logs(settings.connection(), names, from_ms, to_ms)
    replay = Replay(logs, settings.join_policy(), book)
    counts = {"pane": 0, "alert": 0, "rejected": 0}
    with _progress(logs) as (bar, task):
        for kind, value in replay.run(lambda n: bar.advance(task, n)):
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
    summary = {"type": "summary", "records": sum(log.records for log in logs), **counts}
    out.write(orjson.dumps(summary) + b"\n")


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_timestamp(text)
    except BadTimeError as error:
        example = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
        raise click.UsageError(f"{text!r} is not a time: {error}. Write {example}.") from error


@contextmanager
def _progress(logs: list[SourceLog]) -> Iterator[tuple[Progress, TaskID]]:
    """On standard error, and only where a person looks."""
    console = Console(stderr=True)
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar, bar.add_task("replaying", total=sum(log.records for log in logs))
