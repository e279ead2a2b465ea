"""`tiltmeter reference build | show | publish`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import click

from tiltmeter.backtest.reference_build import (
    ReferenceFileError,
    TooFewRowsError,
    reference_from_file,
    segments_of,
)
from tiltmeter.backtest.reference_table import describe
from tiltmeter.cli.configured import BadConfiguration, Failure, configured
from tiltmeter.cli.instant import Instant
from tiltmeter.cli.reached import reached
from tiltmeter.cli.reference_file import read_reference
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import Performance
from tiltmeter.kafka.reference_topic import ReferenceTopic, publish_reference
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.settings import Settings

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


def _in_a_folder(_context: click.Context, _option: click.Parameter, out: Path) -> Path:
    """Before the rows are read: writing comes last, and would waste that work."""
    if not out.parent.is_dir():
        raise click.BadParameter(f"{out.parent}: no such folder; make it first")
    return out


@click.group()
def reference() -> None:
    """What a model version is compared with: built from held-out rows, published to Kafka."""


@reference.command(
    epilog="Example: tiltmeter reference build held_out.parquet --model churn --version 3 --out churn-3.json"
)
@click.argument("rows", type=_File)
@click.option("--model", required=True, help="Name of the model, as its events carry it.")
@click.option("--version", required=True, help="Its version, likewise.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_in_a_folder,
    required=True,
    help="File to write.",
)
@click.option("--features", help="Comma-separated columns; default: all but the special ones.")
@click.option("--prediction", help="Column of predictions [default: prediction].")
@click.option("--label", help="Column of labels [default: label].")
@click.option("--score", help="Column of scores [default: score].")
@click.option(
    "--effective-from",
    "effective_from_ms",
    type=Instant(),
    default="1970-01-01T00:00:00Z",
    help="Event time from which it is in force.",
)
@click.option(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    help="What kind of model it is [default: by its values].",
)
@click.option(
    "--like",
    type=_File,
    help="Regression: an earlier reference of the version, in whose units errors are measured.",
)
@click.option(
    "--segments",
    is_flag=True,
    help="One more per segment of the model's configuration (--config), beside OUT.",
)
@configured
def build(  # noqa: PLR0917  # click passes options by name
    settings: Settings,
    rows: Path,
    model: str,
    version: str,
    out: Path,
    features: str | None,
    prediction: str | None,
    label: str | None,
    score: str | None,
    effective_from_ms: int,
    task: Literal["auto", "classification", "regression"],
    like: Path | None,
    segments: bool,
) -> None:
    """Build a reference from ROWS (.parquet, .csv, .csv.gz) that the model was NOT trained on.

    On training rows a model looks better than it is, and every later alarm would be late.
    """
    wanted = settings.join_policy().model(model).segments
    if segments and not wanted:
        raise BadConfiguration(f"models.{model}.segments is empty: name the segments in the file of --config")
    units = _units_of(like) if like is not None else None
    for segment in (None, *(segments_of(wanted) if segments else ())):
        try:
            profile = reference_from_file(
                rows,
                model=model,
                version=version,
                effective_from_ms=effective_from_ms,
                features=features.split(",") if features else None,
                prediction=prediction,
                label=label,
                score=score,
                task=task,
                segment=segment,
                units=units,
            )
        except TooFewRowsError as error:
            click.echo(f"not built: {error}", err=True)
            continue
        except (ReferenceFileError, ValueError) as error:
            raise Failure(str(error)) from error
        if like is not None and segment is None and not _of_regression(profile.performance):
            raise BadConfiguration(
                f"--like {like} is for a regression, and {rows} holds no labelled rows of one: leave --like out"
            )
        units = units or profile.performance  # segments are counted as the whole is
        file = out if segment is None else _beside(out, segment.full_name)
        file.write_bytes(profile.to_json())
        click.echo(f"{profile.reference_id}  {profile.rows} rows, {len(profile.features)} features -> {file}")


def _units_of(like: Path) -> Performance:
    """What ``like`` counts errors in. A reference without any would be ignored silently, so it is refused."""
    performance = read_reference(like).performance
    if performance is None or not _of_regression(performance):
        raise BadConfiguration(
            f"--like {like} holds no errors of a regression: name the version's first reference"
        )
    return performance


def _of_regression(performance: Performance | None) -> bool:
    return performance is not None and performance.task == "regression" and performance.labelled > 0


def _beside(out: Path, segment: str) -> Path:
    """``churn-3.json``, ``country=DE`` → ``churn-3.country=DE.json``, whatever the value holds."""
    harmless = re.sub(r"[^-\w=.()]", "_", segment)
    return out.with_name(f"{out.stem}.{harmless}{out.suffix}")


@reference.command(epilog="Example: tiltmeter reference show churn-3.json")
@click.argument("file", type=_File)
def show(file: Path) -> None:
    """Show a reference: one line and one small picture per feature."""
    click.echo(describe(read_reference(file)))


@reference.command(epilog="Example: tiltmeter reference publish churn-3.json")
@click.argument("files", type=_File, nargs=-1, required=True)
@click.option(
    "--other-units",
    is_flag=True,
    help="Replace the first reference of a regression by one in other units: before labels have come.",
)
@configured
def publish(settings: Settings, files: tuple[Path, ...], other_units: bool) -> None:
    """Publish references; running workers take them up within seconds, for panes that start after that."""
    topic = TopicNames(settings.kafka.topic_prefix).references
    profiles = [read_reference(file) for file in files]  # all can be read, or none goes
    connection = reached(settings, topic)
    book = ReferenceBook(ReferenceTopic(connection, topic).fresh())
    for file, profile in zip(files, profiles, strict=True):
        problem = None if other_units else book.changes_units(profile)
        book.add(profile)
        if (problem := problem or book.incomparable(profile)) is not None:
            raise Failure(f"{file}: {problem}")
    for profile in profiles:
        size = publish_reference(connection, topic, profile)
        subject = " ".join(filter(None, (profile.model, profile.version, profile.segment)))
        click.echo(f"published {profile.reference_id} of {subject}: {size:,} bytes to {topic}")
