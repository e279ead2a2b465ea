"""`tiltmeter topics create | describe`."""

from __future__ import annotations

import click

from tiltmeter.cli.configured import Failure, configured
from tiltmeter.kafka.admin import TopicAdmin, TopicStatus
from tiltmeter.kafka.topics import TopicNames, topic_specs
from tiltmeter.settings import Settings


@click.group()
def topics() -> None:
    """Create the topics, or see what they are."""


@topics.command(epilog="Example: tiltmeter topics create --partitions 16 --replication 3")
@click.option("--partitions", type=click.IntRange(1, 1000), help="Of predictions and feedback.")
@click.option("--replication", type=click.IntRange(1), help="Copies of every partition.")
@configured
def create(settings: Settings, partitions: int | None, replication: int | None) -> None:
    """Create what is missing. Never changes a topic that exists: differences are shown (exit 1)."""
    specs = topic_specs(
        TopicNames(settings.kafka.topic_prefix),
        source_partitions=partitions or settings.topics.partitions,
        replication=replication or settings.topics.replication,
        join_retention_ms=settings.join_policy().log_retention_ms,
        source_retention_ms=settings.topics.source_retention,
    )
    outcomes = TopicAdmin(settings.connection()).create(specs)
    for outcome in outcomes:
        click.echo(f"{outcome.status:<9} {outcome.name}")
        for difference in outcome.differences:
            click.echo(f"          {difference}")
    if any(outcome.status is TopicStatus.MISMATCH for outcome in outcomes):
        raise Failure("some topics exist and differ from what is wanted; see above")


@topics.command(epilog="Example: tiltmeter topics describe")
@configured
def describe(settings: Settings) -> None:
    """Partitions, replicas and number of records of every topic."""
    names = TopicNames(settings.kafka.topic_prefix).all()
    for topic in TopicAdmin(settings.connection()).describe(names):
        click.echo(
            f"{topic.name:<32} {topic.partitions:>4} partitions {topic.replicas:>2} replicas "
            f"{topic.records:>12,} records"
        )
