"""A connection that has been tried: what is wrong with broker, credentials or topics is said before the work."""

from __future__ import annotations

from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.settings import Settings


def reached(settings: Settings, *topics: str) -> KafkaConnection:
    """Raises a KafkaLogError unless a broker answers and has these topics."""
    connection = settings.connection()
    TopicAdmin(connection).partition_counts(topics)
    return connection
