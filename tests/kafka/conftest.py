"""Tests of this folder may ask for a real broker."""

from kafkabroker.fixtures import broker, three_brokers, topic_prefix

__all__ = ["broker", "three_brokers", "topic_prefix"]
