"""What every event model shares: strict types, unknown fields ignored, one way to write a time."""

from __future__ import annotations

from typing import Annotated

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from tiltmeter.events.timestamp import MAX_MS, RFC3339, format_timestamp, parse_timestamp

#: An event time: RFC 3339 with an offset or epoch milliseconds in, RFC 3339 UTC with milliseconds out.
EventTime = Annotated[
    int,
    BeforeValidator(parse_timestamp),
    PlainSerializer(format_timestamp, return_type=str),
    WithJsonSchema(
        {
            "description": "RFC 3339 with an offset, or epoch milliseconds, in [1970-01-01, 2200-01-01)",
            "anyOf": [
                {"type": "string", "format": "date-time", "pattern": RFC3339},
                {"type": "integer", "minimum": 0, "exclusiveMaximum": MAX_MS},
            ],
        }
    ),
]
#: An identifier or a name: a string of 1 to 256 characters.
Name = Annotated[str, Field(min_length=1, max_length=256)]
#: A number that a computation can use. NaN and infinity have no JSON form.
Finite = Annotated[float, Field(allow_inf_nan=False)]
#: What a model answers and what turns out to be true. A boolean is the class 1 or 0.
Outcome = bool | int | Finite | str


class WireModel(BaseModel):
    """Readers ignore what they do not know: a newer producer never breaks an older consumer.

    Strict: the number 1 is not the string "1", and a producer that confuses them is told so.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    def to_json(self) -> bytes:
        """The event as it is written: absent fields left out (null features stay), times in the one written form."""
        fields = self.model_dump(mode="json")
        return orjson.dumps({name: value for name, value in fields.items() if value is not None})
