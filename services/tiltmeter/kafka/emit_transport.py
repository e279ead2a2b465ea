"""The emitter's transport over librdkafka."""

from __future__ import annotations

import ctypes
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tiltmeter.kafka.emit_port import Deliveries, Outgoing, room_kib

#: Two waits for what a purge has to report: librdkafka purges on its own threads.
_PURGE_POLLS, _PURGE_SECONDS = 20, 0.05


class ConfluentTransport:
    """One idempotent producer. Connects in the background; ValueError for an unusable configuration."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._outcomes = _Outcomes()
        try:
            self._producer = Producer({**config, "on_delivery": self._outcomes.on_delivery})
        except KafkaException as error:
            reason = error.args[0].str() if error.args else "unknown"
            raise ValueError(f"the Kafka producer refused its configuration: {reason}") from None

    def send(self, event: Outgoing) -> bool:
        # No timestamp: the record carries the time of sending. With a historic event time in its place the
        # broker would delete the log by retention while it is written.
        try:
            if event.headers:
                settle = self._outcomes.on_enveloped
                headers: list[tuple[str, str | bytes | None]] = list(event.headers)
                self._producer.produce(
                    event.topic, event.value, event.key, headers=headers, on_delivery=settle
                )
            else:
                self._producer.produce(event.topic, event.value, event.key)
        except BufferError:
            return False
        except KafkaException as error:  # too large, topic known to be absent, fatal
            self._outcomes.fail(error.args[0], event.room_kib)
        return True

    def poll(self, timeout_seconds: float) -> Deliveries:
        # A failure noted by send() is reported now, not after the wait.
        self._producer.poll(0.0 if self._outcomes.failed else timeout_seconds)
        return self._outcomes.report()

    def close(self) -> Deliveries:
        self._producer.purge()
        for _ in range(_PURGE_POLLS):
            self._producer.poll(_PURGE_SECONDS)
            if len(self._producer) == 0:
                break
        return self._outcomes.report()

    def abandon(self) -> None:
        # Freeing the producer would take its locks and join its threads: locks that a thread of the parent may
        # have held at the fork, threads that do not exist here. One reference too many keeps it for ever.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))


class _Outcomes:
    """Its own object, so that the producer's callback does not hold the transport in a cycle: a producer is
    freed, threads joined, when its owner lets go and not whenever the collector happens to run."""

    def __init__(self) -> None:
        self.failed = 0
        self._delivered = 0
        self._kib = 0
        self._error: str | None = None
        self._fatal = False

    def on_delivery(self, error: KafkaError | None, message: Message) -> None:
        self._settle(error, room_kib(len(message)))

    def on_enveloped(self, error: KafkaError | None, message: Message) -> None:
        """A callback of its own: librdkafka tells of a delivery without the headers."""
        self._settle(error, room_kib(len(message), enveloped=True))

    def _settle(self, error: KafkaError | None, kib: int) -> None:
        if error is None:
            self._delivered += 1
            self._kib += kib
        else:
            self.fail(error, kib)

    def fail(self, error: KafkaError, kib: int) -> None:
        self.failed += 1
        self._kib += kib
        self._error = error.str()
        self._fatal = self._fatal or error.fatal()

    def report(self) -> Deliveries:
        report = Deliveries(self._delivered, self.failed, self._kib, self._error, self._fatal)
        self._delivered = self.failed = self._kib = 0
        self._error = None
        return report
