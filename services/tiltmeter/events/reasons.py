"""Why an event is rejected: a closed set, used as a metric label and as a dead-letter header.

Only an unusable envelope, id, model or time rejects an event, and what the event is for: a prediction that
succeeded needs its prediction, feedback needs its label (semantics 21). Everything else that is wrong is
treated as absent and counted in ``columns.imperfect``.
"""

from __future__ import annotations

from enum import StrEnum

#: A record whose value is larger than this is not parsed.
MAX_EVENT_BYTES = 1 << 20
#: An event with more features than this is a mistake of the producer, not a wide model.
MAX_FEATURES = 1000
#: An event may be this much later than the record's Kafka timestamp.
MAX_FUTURE_MS = 3_600_000


class Reason(StrEnum):
    """Names are wire format: never renamed, only added."""

    EMPTY_VALUE = "empty_value"
    TOO_LARGE = "too_large"
    SCHEMA_REGISTRY_FRAMING = "schema_registry_framing"
    MALFORMED_JSON = "malformed_json"
    NOT_AN_OBJECT = "not_an_object"
    BAD_ENVELOPE = "bad_envelope"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_ID = "missing_id"
    BAD_ID = "bad_id"
    MISSING_MODEL = "missing_model"
    BAD_MODEL = "bad_model"
    MISSING_TIME = "missing_time"
    BAD_TIME = "bad_time"
    FUTURE_TIME = "future_time"
    MISSING_PREDICTION = "missing_prediction"
    BAD_PREDICTION = "bad_prediction"
    TOO_MANY_FEATURES = "too_many_features"
    MISSING_LABEL = "missing_label"
    BAD_LABEL = "bad_label"
    NONFINITE_LABEL = "nonfinite_label"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"

    @property
    def advice(self) -> str:
        """One sentence: what the owner of the producer should do."""
        return _ADVICE[self]


_ADVICE = {
    Reason.EMPTY_VALUE: "Send the event as the record's value: tombstones mean nothing on these topics.",
    Reason.TOO_LARGE: f"Send at most {MAX_EVENT_BYTES} bytes per event: leave payloads out of the features.",
    Reason.SCHEMA_REGISTRY_FRAMING: "Configure the producer to write plain JSON without the schema-registry prefix"
    " (magic byte 0 and a 4-byte schema id), which is not decoded here.",
    Reason.MALFORMED_JSON: "Send one JSON document in UTF-8, without a byte order mark.",
    Reason.NOT_AN_OBJECT: "Send one JSON object per record; split arrays into one record per event.",
    Reason.BAD_ENVELOPE: "Send CloudEvents 1.0 in binary mode or in structured mode as JSON, one event per record,"
    " or the bare event without an envelope.",
    Reason.UNKNOWN_TYPE: "Send io.tiltmeter.prediction.v1 to the topic of predictions and io.tiltmeter.feedback.v1 to"
    " that of feedback; translate other types first.",
    Reason.MISSING_ID: "Set prediction_id: without it a prediction and its feedback cannot be joined.",
    Reason.BAD_ID: "Send prediction_id as a string of 1 to 256 characters; quote numeric ids.",
    Reason.MISSING_MODEL: "Set model to the name of the model that answered.",
    Reason.BAD_MODEL: "Send model as a string of 1 to 256 characters.",
    Reason.MISSING_TIME: "Set at: RFC 3339 with an offset, or epoch milliseconds.",
    Reason.BAD_TIME: "Send at as RFC 3339 with an offset (2026-01-01T00:00:00.000Z) or as epoch milliseconds.",
    Reason.FUTURE_TIME: "Correct the producer's clock or time zone: at may be at most one hour after the record's"
    " Kafka timestamp.",
    Reason.MISSING_PREDICTION: 'Set prediction, or set status to "error" if the model did not answer.',
    Reason.BAD_PREDICTION: "Send prediction as a finite number, a string or a boolean.",
    Reason.TOO_MANY_FEATURES: f"Send at most {MAX_FEATURES} features per event.",
    Reason.MISSING_LABEL: "Set label to what turned out to be true.",
    Reason.BAD_LABEL: "Send label as a number, a string or a boolean.",
    Reason.NONFINITE_LABEL: "Do not send feedback until the label is a finite number.",
    Reason.CONFLICTING_DUPLICATE: "Give every prediction its own prediction_id: this one was already used for a"
    " different event.",
}
