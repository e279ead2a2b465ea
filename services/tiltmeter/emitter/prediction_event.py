"""A prediction event as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tiltmeter.emitter.cell import nonfinite_name, scalar, to_json
from tiltmeter.emitter.features import as_mapping, clean

_PLAIN = (str, int, float, bool)


def encode_prediction(
    document: dict[str, Any], features: object, prediction: object, status: str, optional: Mapping[str, Any]
) -> tuple[bytes, int]:
    """The event and the number of feature cells that had to be nulled.

    ``document`` holds what every event has and is completed in place. Raises TypeError or ValueError.
    """
    answer = prediction if type(prediction) in _PLAIN else scalar(prediction)
    if nonfinite_name(answer) is not None:  # type: ignore[arg-type]  # a scalar now
        # A model that answers NaN has failed; an answer of null would cost the event its place in the counts.
        answer, status = None, "error"
    given = as_mapping(features)
    if given is not None:
        document["features"] = given if type(given) is dict else dict(given)
    if answer is not None:
        document["prediction"] = answer
    elif status != "error":
        raise ValueError('a prediction is None only with status="error"')
    if status != "ok":
        document["status"] = status
    for name, value in optional.items():
        if value is not None:
            _add(document, name, value)
    return _write(document, given)


def _add(document: dict[str, Any], name: str, value: Any) -> None:
    if name in ("segments", "probabilities"):
        pairs = {str(scalar(key)): scalar(one) for key, one in value.items()}
        if name == "segments":
            document[name] = {key: str(one) for key, one in pairs.items() if one is not None}
        else:
            document[name] = pairs
    elif name in ("score", "latency_ms"):
        number = scalar(value)
        if nonfinite_name(number) is None:  # no score rather than a null one
            document[name] = number
    else:
        document[name] = str(scalar(value))


def _write(document: dict[str, Any], features: Mapping[Any, Any] | None) -> tuple[bytes, int]:
    """Written whole first, which is fast and nearly always right; looked at cell by cell only in doubt.

    orjson writes a non-finite number as null, an array of one as a list and an object as an object: without
    those signs in the bytes, every feature is a scalar.
    """
    try:
        raw = to_json(document)
    except TypeError:
        if features is None:
            raise
    else:
        objects = 2 + ("segments" in document) + ("probabilities" in document)
        if features is None or (b"null" not in raw and b"[" not in raw and raw.count(b"{") == objects):
            return raw, 0
    cleaned = clean(features)
    document["features"] = cleaned.values
    if cleaned.nonfinite:
        document["nonfinite"] = cleaned.nonfinite
    return to_json(document), cleaned.nulled
