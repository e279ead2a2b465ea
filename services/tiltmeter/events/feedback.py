"""What a label source sends when it learns the truth: ``io.tiltmeter.feedback.v1``."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from tiltmeter.events.event_types import FEEDBACK_TYPE
from tiltmeter.events.wire import EventTime, Finite, Name, Outcome, WireModel

#: Largest integer every JSON reader keeps exactly.
MAX_REVISION = (1 << 53) - 1

_EXAMPLE: JsonDict = {
    "prediction_id": "6f1c1d0e-8a52-4d5e-9a3b-0c2f6f0e1a11",
    "at": "2026-01-09T08:30:00.000Z",
    "label": 0,
    "outcome_at": "2026-01-08T17:00:00.000Z",
    "source": "collections",
    "revision": 0,
}


class Feedback(WireModel):
    """What turned out to be true about one prediction. The record's key is ``prediction_id`` in UTF-8."""

    model_config = ConfigDict(title=FEEDBACK_TYPE, json_schema_extra={"examples": [_EXAMPLE]})

    prediction_id: Name = Field(description="The prediction this is about.")
    at: EventTime = Field(description="When the label became known. Written as 2026-01-01T00:00:00.000Z.")
    label: Outcome = Field(description="The true class or number, comparable with the prediction.")
    outcome_at: EventTime | None = Field(None, description="When the outcome happened, if that was earlier.")
    label_propensity: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Probability that this prediction gets a label at all, if labels are sampled."
    )
    source: Name | None = Field(None, description="Where the label comes from.")
    revision: Annotated[int, Field(ge=0, le=MAX_REVISION)] | None = Field(
        None, description="A higher revision corrects a lower one for the same prediction."
    )
    value: Finite | None = Field(None, description="What the outcome was worth, in the owner's unit.")
