"""The command line, top level."""

from __future__ import annotations

from pathlib import Path

import click

from tiltmeter import __version__
from tiltmeter.cli.backtest import backtest
from tiltmeter.cli.check import check
from tiltmeter.cli.completion import completion
from tiltmeter.cli.demo import demo
from tiltmeter.cli.emit import emit
from tiltmeter.cli.export import export
from tiltmeter.cli.redrive import redrive_command
from tiltmeter.cli.reference import reference
from tiltmeter.cli.run import run
from tiltmeter.cli.schema import schema
from tiltmeter.cli.topics import topics


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: tiltmeter --config tiltmeter.toml run",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="TILTMETER_CONFIG",
    help="TOML file; TILTMETER_... environment variables override it.",
)
@click.version_option(__version__, prog_name="tiltmeter")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Monitor models served on Kafka: drift and lost accuracy within seconds."""
    context.obj = config


for command in (
    run,
    check,
    demo,
    emit,
    topics,
    reference,
    backtest,
    export,
    redrive_command,
    schema,
    completion,
):
    cli.add_command(command)
