"""What serving code sends for every prediction: ``io.tiltmeter.prediction.v1``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from tiltmeter.events.event_types import PREDICTION_TYPE
from tiltmeter.events.reasons import MAX_FEATURES
from tiltmeter.events.wire import EventTime, Finite, Name, Outcome, WireModel

#: The version of a prediction that names none: all of them are monitored together.
UNVERSIONED = "unversioned"
MAX_FEATURE_NAME = 128
MAX_SEGMENTS, MAX_SEGMENT_NAME, MAX_SEGMENT_VALUE = 16, 64, 128
MAX_WEIGHT = 1_000_000_000
MAX_LATENCY_MS = 1_000_000_000

FeatureName = Annotated[str, Field(min_length=1, max_length=MAX_FEATURE_NAME)]
SegmentName = Annotated[str, Field(min_length=1, max_length=MAX_SEGMENT_NAME)]
SegmentValue = Annotated[str, Field(min_length=1, max_length=MAX_SEGMENT_VALUE)]
Probability = Annotated[float, Field(ge=0, le=1)]

_EXAMPLE: JsonDict = {
    "prediction_id": "6f1c1d0e-8a52-4d5e-9a3b-0c2f6f0e1a11",
    "model": "credit-risk",
    "version": "2026-01-07",
    "at": "2026-01-07T12:00:00.000Z",
    "features": {"income": 52000.0, "age": 41, "region": "north", "owner": True, "tenure": None},
    "prediction": 1,
    "score": 0.83,
    "latency_ms": 12.5,
    "segments": {"region": "north"},
}
# Mirrors the validator below, which JSON Schema cannot see.
_NEEDS_PREDICTION: JsonDict = {
    "if": {"properties": {"status": {"const": "error"}}, "required": ["status"]},
    "else": {"required": ["prediction"], "properties": {"prediction": {"not": {"type": "null"}}}},
}


class Prediction(WireModel):
    """One answer of a model in production. The record's key is ``prediction_id`` in UTF-8.

    A feature that is null, not finite or of the wrong type is counted for its feature and does not cost the
    event; an optional field that is unusable is treated as absent and counted.
    """

    model_config = ConfigDict(
        title=PREDICTION_TYPE, json_schema_extra={"examples": [_EXAMPLE], **_NEEDS_PREDICTION}
    )

    prediction_id: Name = Field(description="Unique per prediction; feedback refers to it.")
    model: Name = Field(description="Name of the model that answered.")
    version: Name | None = Field(
        None, description=f'Version that answered. Absent: "{UNVERSIONED}". Drift is judged per version.'
    )
    at: EventTime = Field(description="When the model answered. Written as 2026-01-01T00:00:00.000Z.")
    features: Annotated[dict[FeatureName, Outcome | None], Field(max_length=MAX_FEATURES)] | None = Field(
        None, description="Inputs of the model by name."
    )
    nonfinite: dict[FeatureName, Literal["nan", "inf", "-inf"]] | None = Field(
        None,
        description="Features that were not finite numbers; JSON cannot hold them, so they are null above.",
    )
    prediction: Outcome | None = Field(
        None, description='What the model answered: a class or a number. May be absent if status is "error".'
    )
    score: Finite | None = Field(
        None,
        description="Probability of class 1 for a binary model, else the model's score for its answer, typically in"
        " [0, 1]. Absent: taken from probabilities likewise.",
    )
    probabilities: dict[str, Probability] | None = Field(None, description="Probability by class.")
    latency_ms: Annotated[float, Field(ge=0, le=MAX_LATENCY_MS)] | None = Field(
        None, description="How long the answer took, milliseconds."
    )
    status: Literal["ok", "error"] | None = Field(
        None, description='"error": the model failed. Absent: "ok".'
    )
    segments: Annotated[dict[SegmentName, SegmentValue], Field(max_length=MAX_SEGMENTS)] | None = Field(
        None, description="Slices this prediction belongs to, of few distinct values each."
    )
    entity_id: Name | None = Field(None, description="Who or what was predicted.")
    variant: Name | None = Field(None, description="Arm of an experiment, or canary.")
    request_id: Name | None = Field(None, description="Request that carried the prediction.")
    weight: Annotated[int, Field(ge=1, le=MAX_WEIGHT)] | None = Field(
        None, description="How many predictions this one stands for, if the producer samples. Absent: 1."
    )

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if self.prediction is None and self.status != "error":
            raise ValueError('prediction is required unless status is "error"')
        return self
