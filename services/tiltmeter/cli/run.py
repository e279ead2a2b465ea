"""`tiltmeter run`."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from tiltmeter.cli.configured import BadConfiguration, Failure, configured, explain
from tiltmeter.cli.logs import configure_logs
from tiltmeter.processor.engine.worker import leave
from tiltmeter.processor.service import PartitionCountError, serve
from tiltmeter.settings import Settings, load


@click.command(epilog="Example: tiltmeter --config tiltmeter.toml run --port 6066")
@click.option("--host", help="Address to serve /metrics on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to serve /metrics on; 0 takes a free one.")
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
@configured
def run(settings: Settings, host: str | None, port: int | None, verbose: bool) -> None:
    """Process events: join, watch, publish metrics and alerts, until SIGTERM or Ctrl-C.

    Needs the topics (tiltmeter topics create). Several workers share the partitions. Windows, tolerances and
    expectations of models may change while it runs: save the configuration file, or send SIGHUP.
    """
    configure_logs(verbose)
    # A batch makes some hundred thousand objects that reference counting frees; looking for cycles among them took
    # a quarter of the time (docs/benchmarks.md).
    gc.set_threshold(200_000, 20, 100)
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = _with(settings, given)
    path: Path | None = click.get_current_context().obj
    read = partial(_read, path, given)
    try:
        asyncio.run(_serve_and_leave(settings, path, read))
    except PartitionCountError as error:
        raise BadConfiguration(str(error)) from error
    except OSError as error:
        raise Failure(
            f"cannot serve on port {settings.processor.port}: {error}. Choose another --port."
        ) from error


def _with(settings: Settings, given: dict[str, Any]) -> Settings:
    return settings.model_copy(update={"processor": settings.processor.model_copy(update=given)})


def _read(path: Path | None, given: dict[str, Any]) -> Settings:
    """The configuration as it is now; ValueError says what is wrong with it."""
    try:
        return _with(load(path), given)
    except (ValidationError, FileNotFoundError, ValueError) as error:
        raise ValueError(explain(error, path)) from error


def _tell(url: str) -> None:
    click.echo(f"serving {url}/metrics and the status page {url}/", err=True)


async def _serve_and_leave(settings: Settings, path: Path | None, read: Callable[[], Settings]) -> None:
    """Does not return: closing the event loop would wait for threads of Faust that may never end, for instance where
    the broker is gone. Everything of ours is closed by then."""
    leave(await serve(settings, _tell, path, read))
