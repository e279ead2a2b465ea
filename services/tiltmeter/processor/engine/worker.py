"""Runs a worker process from start to exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from tiltmeter.processor.engine.app import EngineApp, build_app
from tiltmeter.processor.engine.intake import Intake
from tiltmeter.processor.engine.options import EngineOptions
from tiltmeter.processor.engine.owner import Engine
from tiltmeter.processor.stage import Stage

logger = logging.getLogger(__name__)

OK, FAILED = 0, 1


def run(options: EngineOptions, stages: Sequence[Stage]) -> int:
    """Process until SIGTERM or SIGINT (returns 0) or until something fails (logged; returns 1).

    Faust's own worker is not used: it replaces logging and standard output, and after a crash it may hang.
    Here the wait for an orderly stop is bounded, and what hangs is left behind: call `leave` with the code.
    """
    return asyncio.run(process(options, stages))


def leave(code: int) -> None:
    """End the process now, whatever threads Faust left running."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def process(
    options: EngineOptions, stages: Sequence[Stage], started: Callable[[Engine], None] | None = None
) -> int:
    """`run` inside an event loop that the caller shares with other services; `started` is told the engine."""
    engine = Engine(stages, options.revoke_grace, options.batch_records)
    if started is not None:
        started(engine)
    app = build_app(options, engine)
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)

    running: list[asyncio.Task[None]] = [
        loop.create_task(_faust(app), name="faust"),
        loop.create_task(_idle_watch(app, engine, options), name="idle watch"),
    ]
    over = [loop.create_task(_until(event)) for event in (asked_to_stop, engine.failed)]
    await asyncio.wait([*running, *over], return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        if task.done() and (error := task.exception()):
            engine.fail(error)
    if engine.failure is not None:
        logger.critical("worker stops: %s", engine.failure, exc_info=engine.failure)
    try:
        async with asyncio.timeout(options.stop_grace):
            await app.stop()
    except TimeoutError:
        logger.error("not stopped after %g s, leaving", options.stop_grace)
    for task in (*running, *over):
        task.cancel()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*running, *over, return_exceptions=True), 1.0)
    return FAILED if engine.failure is not None else OK


async def _faust(app: EngineApp) -> None:
    """Start Faust and watch it: it reports a crash of one of its services by a flag, set from any thread."""
    await app.start()
    while not app.crashed:
        await asyncio.sleep(0.2)
    raise app.crash_reason or RuntimeError("Faust stopped without a reason")


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _idle_watch(app: EngineApp, engine: Engine, options: EngineOptions) -> None:
    intake: Intake = app.consumer  # type: ignore[assignment]
    await engine.watch_idle(intake, options.idle_interval)
