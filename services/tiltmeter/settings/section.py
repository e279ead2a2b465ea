"""What every section of the configuration tree is made of."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tiltmeter.core.policy import DAY, HOUR, MINUTE, SECOND

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def _duration(value: Any) -> Any:
    match = re.fullmatch(r"(\d+)\s*(ms|s|m|h|d)", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration: write 500ms, 10s, 5m, 1h or 7d")
    return int(match[1]) * _UNITS[match[2]]


#: Milliseconds inside, ``10s`` outside.
Duration = Annotated[int, BeforeValidator(_duration), Field(gt=0)]


def default(text: str | tuple[str, ...], description: str | None = None) -> Any:
    """A default written as an operator would write it; Duration parses it."""
    return Field(text, description=description)


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
