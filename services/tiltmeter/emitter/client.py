"""The emitter: the object serving code holds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, TypeVar, Unpack

from tiltmeter.emitter.channel import Channel
from tiltmeter.emitter.complaints import Complaints
from tiltmeter.emitter.event_writer import EventWriter
from tiltmeter.emitter.prediction_id import IdSource, id_text
from tiltmeter.emitter.producer_config import producer_config
from tiltmeter.emitter.sampling import Sampler
from tiltmeter.emitter.stats import EmitterStats
from tiltmeter.emitter.timed import TimedFields, TimedPrediction
from tiltmeter.emitter.topics import DEFAULT_PREFIX, Topics
from tiltmeter.kafka.emit_port import OpenTransport

T = TypeVar("T")
#: Bounded, because it is in the memory of every event that waits.
_SOURCE = re.compile(r"[!-~]{1,128}")
_PLAIN_ERRORS = ("builtins", "orjson", "tiltmeter.events.timestamp")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Emitter:
    """Sends prediction and feedback events; never blocks on Kafka and never raises into the caller.

    Construct one per process (before or after a fork) and share it between threads. Nothing connects and no
    thread starts before the first event. Raises ValueError for what cannot work, saying what to do.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        model: str,
        version: str = "unversioned",
        topic_prefix: str = DEFAULT_PREFIX,
        sample_rate: float = 1.0,
        max_queue: int = 100_000,
        max_queue_bytes: int = 128 * 1024 * 1024,
        exit_timeout: float = 5.0,
        cloudevents_source: str | None = None,
        config: Mapping[str, Any] | None = None,
        clock: Callable[[], int] = now_ms,
        open_transport: OpenTransport | None = None,
    ) -> None:
        if not model:
            raise ValueError("model is empty: the monitor keeps its statistics per model")
        if max_queue < 1 or max_queue_bytes < 1 or exit_timeout < 0:
            raise ValueError("max_queue and max_queue_bytes are at least 1, exit_timeout is at least 0")
        if cloudevents_source is not None and not _SOURCE.fullmatch(cloudevents_source):
            raise ValueError(
                f"cloudevents_source {cloudevents_source!r} is no URI reference of 1 to 128 characters; "
                "write one such as /serving/churn, or None for events without envelope"
            )
        settings = producer_config(bootstrap_servers, config, max_queue, max_queue_bytes)
        self.topics = Topics.of(topic_prefix)
        self._model = model
        self._version = version
        self._new_id = IdSource()
        self._write = EventWriter(self.topics, Sampler(sample_rate), clock, cloudevents_source)
        self._complain = Complaints(clock)
        self._channel = Channel(
            open_transport or _librdkafka(settings), self._complain, max_queue, max_queue_bytes, exit_timeout
        )

    def prediction(
        self,
        features: object,
        prediction: object,
        *,
        prediction_id: object = None,
        score: object = None,
        probabilities: Mapping[Any, Any] | None = None,
        at: object = None,
        latency_ms: object = None,
        status: Literal["ok", "error"] = "ok",
        segments: Mapping[str, Any] | None = None,
        entity_id: object = None,
        variant: object = None,
        request_id: object = None,
        model: str | None = None,
        version: str | None = None,
    ) -> str:
        """Queue one prediction and return its id, to be given to whoever will learn the outcome.

        The id comes back whether or not the event was queued (see :meth:`stats`). It is empty only if the
        ``prediction_id`` given cannot be an id.
        """
        identity = self._new_id() if prediction_id is None else prediction_id
        otherwise = identity if type(identity) is str else ""
        names = (model or self._model, version or self._version)
        answer = (features, prediction, status)
        # One dict handed down: keyword arguments through three calls would cost a microsecond.
        optional = {
            "score": score,
            "probabilities": probabilities,
            "latency_ms": latency_ms,
            "segments": segments,
            "entity_id": entity_id,
            "variant": variant,
            "request_id": request_id,
        }
        return self._guarded(otherwise, self._emit_prediction, identity, at, names, answer, optional)

    def feedback(
        self,
        prediction_id: object,
        label: object,
        *,
        at: object = None,
        outcome_at: object = None,
        label_propensity: object = None,
        source: object = None,
        revision: object = None,
        value: object = None,
    ) -> bool:
        """Queue what turned out to be true. False: dropped, or its prediction was sampled out."""
        optional = {
            "outcome_at": outcome_at,
            "label_propensity": label_propensity,
            "source": source,
            "revision": revision,
            "value": value,
        }
        return self._guarded(False, self._emit_feedback, prediction_id, at, label, optional)

    def timed(
        self, features: object, *, prediction_id: object = None, **fields: Unpack[TimedFields]
    ) -> TimedPrediction:
        """Measure a model call, and report it also if it raises.

        >>> with emitter.timed(features) as call:          # doctest: +SKIP
        ...     call.prediction = model.predict(features)
        """
        identity = self._new_id() if prediction_id is None else prediction_id
        return TimedPrediction(self.prediction, identity, features, fields)

    def stats(self) -> EmitterStats:
        """A consistent snapshot of this process; cheap enough for every scrape."""
        return self._channel.stats()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything queued is settled; False if the timeout (seconds) came first.

        True: :meth:`stats` counts each event as delivered or failed, and failures have been logged.
        """
        return self._channel.flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Flush for at most ``timeout`` (default ``exit_timeout``) and stop; later events are dropped.

        False: something was not delivered in time and is counted as failed. Safe to call twice.
        """
        return self._channel.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _emit_prediction(self, identity: object, *arguments: Any) -> str:
        event, nulled = self._write.prediction(identity, *arguments)
        if event is None:
            self._channel.count("sampled_out")
        else:
            self._channel.offer(event)
        if nulled:
            self._channel.count("nulled_features", nulled)
            self._complain(
                "nulled", "%d feature values of an event are no scalars; they went as null.", nulled
            )
        return identity if type(identity) is str else id_text(identity)

    def _emit_feedback(self, *arguments: Any) -> bool:
        event = self._write.feedback(*arguments)
        if event is None:
            self._channel.count("sampled_out")
            return False
        return self._channel.offer(event)

    def _guarded(self, otherwise: T, emit: Callable[..., T], *arguments: object) -> T:
        """The edge: whatever the arguments do (they are the caller's objects), the caller goes on."""
        try:
            return emit(*arguments)
        except Exception as error:  # noqa: BLE001  # counted and logged; serving must not pay for monitoring
            self._channel.count("dropped_unserialisable")
            # The text of a foreign error may hold personal data, or raise in turn.
            reason = error if type(error).__module__ in _PLAIN_ERRORS else ""
            self._complain("unserialisable", "An event was dropped: %s %s.", type(error).__name__, reason)
            return otherwise


def _librdkafka(settings: dict[str, Any]) -> OpenTransport:
    # Not at the top: the client costs 40 ms to import, and tests over MemoryTransport do not need it.
    from tiltmeter.kafka.emit_transport import ConfluentTransport  # noqa: PLC0415

    return lambda: ConfluentTransport(settings)
