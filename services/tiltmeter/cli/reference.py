"""`tiltmeter reference build | show | publish`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from tiltmeter.backtest.reference_build import ReferenceFileError, reference_from_file
from tiltmeter.backtest.reference_table import describe
from tiltmeter.cli.configured import Failure, configured, mendable
from tiltmeter.cli.reached import reached
from tiltmeter.core.reference import ReferenceProfile
from tiltmeter.events.timestamp import parse_timestamp
from tiltmeter.kafka.reference_topic import publish_reference
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.settings import Settings

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def reference() -> None:
    """What a model version is compared with: built from held-out rows, published to Kafka."""


@reference.command(
    epilog="Example: tiltmeter reference build held_out.parquet --model churn --version 3 --out churn-3.json"
)
@click.argument("rows", type=_File)
@click.option("--model", required=True, help="Name of the model, as its events carry it.")
@click.option("--version", required=True, help="Its version, likewise.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.option("--features", help="Comma-separated columns; default: all but the special ones.")
@click.option("--prediction", help="Column of predictions [default: prediction].")
@click.option("--label", help="Column of labels [default: label].")
@click.option("--score", help="Column of scores [default: score].")
@click.option(
    "--effective-from", default="1970-01-01T00:00:00Z", help="Event time from which it is in force."
)
@click.option(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    help="What kind of model it is [default: by its values].",
)
def build(  # noqa: PLR0917  # click passes options by name
    rows: Path,
    model: str,
    version: str,
    out: Path,
    features: str | None,
    prediction: str | None,
    label: str | None,
    score: str | None,
    effective_from: str,
    task: Literal["auto", "classification", "regression"],
) -> None:
    """Build a reference from ROWS (.parquet, .csv, .csv.gz) that the model was NOT trained on.

    On training rows a model looks better than it is, and every later alarm would be late.
    """
    try:
        start_ms = parse_timestamp(effective_from)
        profile = reference_from_file(
            rows,
            model=model,
            version=version,
            effective_from_ms=start_ms,
            features=features.split(",") if features else None,
            prediction=prediction,
            label=label,
            score=score,
            task=task,
        )
    except (ReferenceFileError, ValueError) as error:
        raise Failure(str(error)) from error
    out.write_bytes(profile.to_json())
    click.echo(f"{profile.reference_id}  {profile.rows} rows, {len(profile.features)} features -> {out}")


@reference.command(epilog="Example: tiltmeter reference show churn-3.json")
@click.argument("file", type=_File)
def show(file: Path) -> None:
    """Show a reference: one line and one small picture per feature."""
    with mendable():
        click.echo(describe(ReferenceProfile.from_json(file.read_bytes())))


@reference.command(epilog="Example: tiltmeter reference publish churn-3.json")
@click.argument("file", type=_File)
@configured
def publish(settings: Settings, file: Path) -> None:
    """Publish a reference; running workers take it up within seconds, for panes that start after that."""
    profile = ReferenceProfile.from_json(file.read_bytes())
    topic = TopicNames(settings.kafka.topic_prefix).references
    size = publish_reference(reached(settings, topic), topic, profile)
    click.echo(
        f"published {profile.reference_id} of {profile.model} {profile.version}: {size:,} bytes to {topic}"
    )
