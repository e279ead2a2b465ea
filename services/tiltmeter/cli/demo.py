"""`tiltmeter demo`."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from tiltmeter.cli.configured import Failure, mendable
from tiltmeter.demo.alert_feed import AlertFeed
from tiltmeter.demo.fleet import MODEL, VERSION, Fleet, World
from tiltmeter.demo.held_out import demo_reference
from tiltmeter.demo.script import FAULTS, USUAL_SECONDS, Fault, Judge, strike
from tiltmeter.demo.worker import Worker, WorkerFailedError
from tiltmeter.emitter import Emitter
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.embedded import EmbeddedBroker
from tiltmeter.kafka.reference_topic import publish_reference
from tiltmeter.kafka.topics import TopicNames, topic_specs

_COLOURS = {"critical": "red", "warning": "yellow", "info": "cyan"}


@click.command(epilog="Example: tiltmeter demo --duration 90")
@click.option(
    "--duration",
    type=click.FloatRange(min=30),
    envvar="DURATION",
    help="End after so many seconds; exit 0 only if both faults were detected and nothing else fired.",
)
@click.option(
    "--rate", type=click.FloatRange(1, 5000), default=400.0, show_default=True, help="Predictions per second."
)
def demo(duration: float | None, rate: float) -> None:
    """See it work, without Kafka: a simulated fleet, an embedded broker, the real processor.

    One feature drifts after a third of the time, the model breaks after two thirds; alerts are shown as they
    fire. Without --duration it goes on until Ctrl-C.
    """
    names = TopicNames()
    topics = {spec.name: spec.partitions for spec in topic_specs(names, source_partitions=2)}
    judge = Judge()
    # A demo that is asked to end takes its processor with it.
    signal.signal(signal.SIGTERM, _stop)
    try:
        with (
            mendable(),
            EmbeddedBroker(topics) as broker,
            tempfile.TemporaryDirectory(prefix="tiltmeter-") as folder,
        ):
            _play(broker.bootstrap_servers, Path(folder), names, judge, duration, rate)
    except WorkerFailedError as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt:
        click.echo("\nstopped")
        return
    problems = judge.verdict()
    for fault in FAULTS:
        if fault in judge.seconds_to_detect:
            click.echo(f"detected after {judge.seconds_to_detect[fault]:4.1f} s: {fault.told}")
    if problems:
        raise Failure("; ".join(problems))
    click.echo("both faults were detected, and nothing fired without a cause")


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _play(
    bootstrap: str, folder: Path, names: TopicNames, judge: Judge, duration: float | None, rate: float
) -> None:
    connection = KafkaConnection(bootstrap)
    click.echo(f"embedded broker on {bootstrap}")
    reference = demo_reference()
    publish_reference(connection, names.references, reference)
    click.echo(f"reference {reference.reference_id} of {MODEL} {VERSION}: {reference.rows:,} held-out rows")
    worker = Worker(folder, bootstrap)
    feed = AlertFeed(connection, names)
    world = World()
    emitter = Emitter(bootstrap, model=MODEL, version=VERSION)
    fleet = Fleet(emitter, world, rate)
    try:
        click.echo(f"processor serves {worker.url}/metrics and the status page {worker.url}/")
        click.echo(f"fleet sends {rate:g} predictions a second; labels follow 0.3 to 3 s later\n")
        fleet.start()
        _watch(worker, feed, world, judge, duration)
    finally:
        fleet.stop()
        emitter.close()
        feed.close()
        worker.stop()


def _watch(worker: Worker, feed: AlertFeed, world: World, judge: Judge, duration: float | None) -> None:
    begin = time.monotonic()
    story = duration or USUAL_SECONDS
    to_come: list[Fault] = list(FAULTS)
    while duration is None or time.monotonic() - begin < duration:
        now = time.monotonic() - begin
        if to_come and now >= to_come[0].at * story:
            fault = to_come.pop(0)
            judge.struck[fault] = now
            strike(fault, world)
            click.secho(f"{now:6.1f} s  {fault.told}", bold=True)
        for alert in feed.fresh():
            judge.hear(alert, time.monotonic() - begin)
            _show(alert, time.monotonic() - begin)
        worker.check()
        time.sleep(0.1)


def _show(alert: dict[str, Any], now: float) -> None:
    colour = _COLOURS[alert["severity"]] if alert["transition"] == "firing" else "green"
    text = f"{now:6.1f} s  {alert['transition']:<8} {alert['severity']:<8} {alert['summary']}"
    click.secho(text, fg=colour, color=None if "NO_COLOR" not in os.environ else False)
