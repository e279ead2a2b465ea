"""A feedback event as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tiltmeter.emitter.cell import nonfinite_name, scalar, to_json
from tiltmeter.emitter.instant import epoch_ms, rfc3339


def encode_feedback(document: dict[str, Any], label: object, optional: Mapping[str, object]) -> bytes:
    """``document`` holds id and time and is completed in place. Raises TypeError or ValueError."""
    truth = scalar(label)
    if truth is None or nonfinite_name(truth) is not None:
        raise ValueError("a label is a class or a finite number; send none until it is known")
    document["label"] = truth
    for name, given in optional.items():
        if given is None:
            continue
        if name == "outcome_at":
            document[name] = rfc3339(epoch_ms(given))
        elif name == "source":
            document[name] = str(scalar(given))
        elif nonfinite_name(number := scalar(given)) is None:
            document[name] = number
    return to_json(document)
