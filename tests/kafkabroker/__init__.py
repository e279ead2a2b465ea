"""A real Apache Kafka for tests and benchmarks, on free loopback ports, gone when its owner is gone.

As a context manager, anywhere ``tests`` is on the path::

    from kafkabroker import create_topics, start_broker

    with start_broker() as broker:                  # start_broker(nodes=3) for a cluster
        create_topics(broker.bootstrap, "events", partitions=4)

As a command (prints the bootstrap address, stops on SIGTERM, SIGINT or end of its parent)::

    PYTHONPATH=tests python -m kafkabroker --nodes 3

Where Kafka comes from, first match wins: ``KAFKA_BOOTSTRAP_SERVERS`` (a broker that already runs), Java 17+
with the jars that Maven resolves once into the user's cache, the ``apache/kafka`` image. Otherwise
:class:`KafkaUnavailableError` says what was tried.
"""

from kafkabroker.cluster import Broker, ExternalBroker, LocalCluster, start_broker
from kafkabroker.topics import create_topics
from kafkabroker.unavailable import KafkaUnavailableError

__all__ = [
    "Broker",
    "ExternalBroker",
    "KafkaUnavailableError",
    "LocalCluster",
    "create_topics",
    "start_broker",
]
