"""`tiltmeter check`."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import ValidationError

from tiltmeter.cli.configured import FAILED, MISUSED, explain
from tiltmeter.processor.preflight import Finding, preflight
from tiltmeter.settings import Settings, load


@click.command(epilog="Example: tiltmeter --config tiltmeter.toml check --show")
@click.option("--show", is_flag=True, help="Print the effective configuration too, with secrets masked.")
def check(show: bool) -> None:
    """Test configuration, broker, topics, retention, disk and references: one line each.

    Exit code 1 if something would not work, 2 if the configuration itself cannot be used.
    """
    path: Path | None = click.get_current_context().obj
    try:
        settings: Settings = load(path)
    except (ValidationError, FileNotFoundError, ValueError) as error:
        _say(Finding("configuration", False, explain(error, path)))
        raise SystemExit(MISUSED) from error
    _say(Finding("configuration", True, str(path) if path else "defaults and environment"))
    if show:
        click.echo(settings.model_dump_json(indent=2))
    failed = False
    for finding in preflight(settings):
        failed = failed or not finding.ok
        _say(finding)
    if failed:
        raise SystemExit(FAILED)


def _say(finding: Finding) -> None:
    mark, colour = ("ok  ", "green") if finding.ok else ("FAIL", "red")
    click.echo(f"{click.style(mark, fg=colour)}  {finding.what:<14} {finding.text}")
