"""Tiltmeter: a streaming monitor for models served on Kafka."""
