"""Tiltmeter: a streaming monitor for models served on Kafka."""

__version__ = "0.1.0"
