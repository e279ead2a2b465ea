"""`tiltmeter run`."""

from __future__ import annotations

import asyncio
import gc

import click

from tiltmeter.cli.configured import BadConfiguration, Failure, configured
from tiltmeter.cli.logs import configure_logs
from tiltmeter.processor.engine.worker import leave
from tiltmeter.processor.service import PartitionCountError, serve
from tiltmeter.settings import Settings


@click.command(epilog="Example: tiltmeter --config tiltmeter.toml run --port 6066")
@click.option("--host", help="Address to serve /metrics on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to serve /metrics on; 0 takes a free one.")
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
@configured
def run(settings: Settings, host: str | None, port: int | None, verbose: bool) -> None:
    """Process events: join, watch, publish metrics and alerts, until SIGTERM or Ctrl-C.

    Needs the topics (tiltmeter topics create). Several workers share the partitions.
    """
    configure_logs(verbose)
    # A batch makes some hundred thousand objects that reference counting frees; looking for cycles among them took
    # a quarter of the time (docs/benchmarks.md).
    gc.set_threshold(200_000, 20, 100)
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"processor": settings.processor.model_copy(update=given)})
    try:
        asyncio.run(_serve_and_leave(settings))
    except PartitionCountError as error:
        raise BadConfiguration(str(error)) from error
    except OSError as error:
        raise Failure(
            f"cannot serve on port {settings.processor.port}: {error}. Choose another --port."
        ) from error


async def _serve_and_leave(settings: Settings) -> None:
    """Does not return: closing the event loop would wait for threads of Faust that may never end, for instance where
    the broker is gone. Everything of ours is closed by then."""
    leave(await serve(settings, lambda url: click.echo(f"serving {url}/metrics", err=True)))
