"""`tiltmeter export`."""

from __future__ import annotations

from pathlib import Path

import click

from tiltmeter.archive.export import TOPICS, export_topic, topic_slices
from tiltmeter.archive.layout import ArchiveError, check_target
from tiltmeter.cli.configured import BadConfiguration, Failure, configured
from tiltmeter.cli.instant import Instant
from tiltmeter.cli.progress import progress
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.settings import Settings


@click.command(
    epilog="Example: tiltmeter export --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z --to january"
)
@click.option(
    "--topic",
    "topics",
    type=click.Choice(TOPICS),
    multiple=True,
    default=("predictions", "feedback"),
    metavar="TOPIC",
    help=f"One of {', '.join(TOPICS)}; repeatable [default: predictions and feedback].",
)
@click.option(
    "--since",
    type=Instant(),
    help="First Kafka timestamp, RFC 3339 or epoch milliseconds [default: the oldest record].",
)
@click.option("--until", type=Instant(), help="Kafka timestamp to stop at [default: the present end].")
@click.option(
    "--to",
    "archive",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the archive; every topic gets a folder in it.",
)
@click.option(
    "--rows-per-file", type=click.IntRange(1), default=100_000, show_default=True, help="Rows of one file."
)
@click.option("--overwrite", is_flag=True, help="Replace topics that the archive has already.")
@configured
def export(
    settings: Settings,
    topics: tuple[str, ...],
    since: int | None,
    until: int | None,
    archive: Path,
    rows_per_file: int,
    overwrite: bool,
) -> None:
    """Keep topics as Parquet files: keys, values and headers byte for byte.

    Reads without joining a group and without committing. A topic's folder appears when all of it is
    written. `tiltmeter backtest --archive` reads it back.
    """
    wanted = list(dict.fromkeys(topics))
    try:
        for topic in wanted:
            check_target(archive / topic, overwrite)
    except ArchiveError as error:
        raise BadConfiguration(str(error)) from error
    connection = settings.connection()
    slices = topic_slices(connection, TopicNames(settings.kafka.topic_prefix), wanted, since, until)
    done = []
    try:
        with progress("exporting", sum(part.records for part in slices)) as advance:
            for part in slices:
                written = export_topic(connection, part, archive / part.topic, rows_per_file, advance)
                done.append((part.name, written))
    except OSError as error:
        raise Failure(f"{archive} cannot be written: {error}.") from error
    finally:
        for name, written in done:
            size = f"{written.bytes / 1e6:,.1f} MB in {written.files:,} files"
            click.echo(f"{name}: {written.rows:,} records, {size}")
