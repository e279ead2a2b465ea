"""A model's input by name, from the forms in which serving code holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tiltmeter.emitter.cell import Scalar, nonfinite_name, scalar

_UNUSABLE_CELL = (TypeError, ValueError, OverflowError, AttributeError)


class CleanFeatures(NamedTuple):
    """Features that certainly have a JSON form."""

    values: dict[str, Scalar]
    nonfinite: dict[str, str]
    nulled: int  # cells that are no scalar: null on the wire


def as_mapping(features: object) -> Mapping[Any, Any] | None:
    """Mapping, pandas Series, dataclass, named tuple or pydantic model; raises TypeError for others."""
    if features is None or isinstance(features, Mapping):
        return features
    fields = getattr(features, "__dataclass_fields__", None)
    if fields is not None:
        return {name: getattr(features, name) for name in fields}
    for method in ("to_dict", "_asdict", "model_dump"):
        if callable(convert := getattr(features, method, None)) and isinstance(found := convert(), Mapping):
            return found
    raise TypeError(f"features are a mapping, a Series or a dataclass, not a {type(features).__name__}")


def clean(features: Mapping[Any, Any]) -> CleanFeatures:
    """Cell by cell: one bad cell costs that cell, not the event (semantics 21)."""
    values: dict[str, Scalar] = {}
    nonfinite: dict[str, str] = {}
    nulled = 0
    for key, raw in features.items():
        try:
            name = str(scalar(key))
        except _UNUSABLE_CELL:
            nulled += 1  # a cell that cannot even be named
            continue
        try:
            value = scalar(raw)
        except _UNUSABLE_CELL:
            nulled += 1
            value = None
        if (what := nonfinite_name(value)) is not None:
            nonfinite[name] = what
            value = None
        values[name] = value
    return CleanFeatures(values, nonfinite, nulled)
