"""From the caller's arguments to an event on its way; what is sampled out ends here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from tiltmeter.emitter.feedback_event import encode_feedback
from tiltmeter.emitter.instant import epoch_ms, rfc3339
from tiltmeter.emitter.prediction_event import encode_prediction
from tiltmeter.emitter.prediction_id import id_text
from tiltmeter.emitter.sampling import Sampler
from tiltmeter.emitter.topics import Topics
from tiltmeter.events.cloudevent_headers import binary_headers
from tiltmeter.events.event_types import FEEDBACK_TYPE, PREDICTION_TYPE
from tiltmeter.kafka.emit_port import Outgoing


class EventWriter:
    """Pure but for the clock. Raises TypeError or ValueError for what cannot be an event."""

    def __init__(
        self, topics: Topics, sampler: Sampler, clock: Callable[[], int], source: str | None = None
    ) -> None:
        """``source``: of the CloudEvents to make, None for bare events."""
        self._source = source
        self._topics = topics
        self._sampler = sampler
        self._clock = clock

    def prediction(
        self,
        identity: object,
        at: object,
        names: tuple[str, str],
        answer: tuple[object, object, str],
        optional: Mapping[str, Any],
    ) -> tuple[Outgoing | None, int]:
        """``names`` is (model, version), ``answer`` is (features, prediction, status).

        Returns the event, None if sampled out, and the number of feature cells that were nulled.
        """
        text = id_text(identity)
        key = text.encode()
        if not self._sampler.keeps(key):
            return None, 0
        document: dict[str, Any] = {"prediction_id": text, "model": names[0], "version": names[1]}
        document["at"] = instant = self._instant(at)
        if self._sampler.weight != 1:
            document["weight"] = self._sampler.weight
        value, nulled = encode_prediction(document, *answer, optional)
        headers = self._headers(PREDICTION_TYPE, text, instant)
        return Outgoing(self._topics.predictions, key, value, headers), nulled

    def feedback(
        self, identity: object, at: object, label: object, optional: Mapping[str, Any]
    ) -> Outgoing | None:
        text = id_text(identity)
        key = text.encode()
        if not self._sampler.keeps(key):
            return None
        instant = self._instant(at)
        document: dict[str, Any] = {"prediction_id": text, "at": instant}
        value = encode_feedback(document, label, optional)
        # Corrections share the prediction's id, so that says too little; what repeats the bytes repeats the event.
        name = "" if self._source is None else blake2b(value, digest_size=16).hexdigest()
        return Outgoing(self._topics.feedback, key, value, self._headers(FEEDBACK_TYPE, name, instant))

    def _headers(self, event_type: str, identity: str, instant: str) -> Sequence[tuple[str, bytes]]:
        if self._source is None:
            return ()
        return binary_headers(event_type, self._source, identity, instant)

    def _instant(self, at: object) -> str:
        return rfc3339(self._clock() if at is None else epoch_ms(at))
