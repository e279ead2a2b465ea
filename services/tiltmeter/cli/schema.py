"""`tiltmeter schema`."""

from __future__ import annotations

from pathlib import Path

import click

from tiltmeter.events.schema_files import render


@click.command(epilog="Example: tiltmeter schema --write schemas")
@click.option(
    "--write", type=click.Path(file_okay=False, path_type=Path), help="Folder to write the files to."
)
@click.argument("name", required=False)
def schema(name: str | None, write: Path | None) -> None:
    """Print the JSON Schemas and the AsyncAPI document of the events, or write them to a folder.

    Without NAME the names of the files are listed.
    """
    files = {str(path): text for path, text in render().items()}
    if write is not None:
        for path, text in files.items():
            target = write / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            click.echo(target)
    elif name is None:
        for path in files:
            click.echo(path)
    elif name in files:
        click.echo(files[name], nl=False)
    else:
        raise click.UsageError(f"no schema {name!r}; there are {', '.join(files)}")
