"""From a fault to a :class:`Rejected` that tells a human what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import ValidationError

from tiltmeter.events.columns import Record, Rejected
from tiltmeter.events.reasons import Reason
from tiltmeter.events.wire import WireModel

_FIELD = {
    Reason.MISSING_ID: "prediction_id",
    Reason.BAD_ID: "prediction_id",
    Reason.MISSING_MODEL: "model",
    Reason.BAD_MODEL: "model",
    Reason.MISSING_TIME: "at",
    Reason.BAD_TIME: "at",
    Reason.FUTURE_TIME: "at",
    Reason.MISSING_PREDICTION: "prediction",
    Reason.BAD_PREDICTION: "prediction",
    Reason.TOO_MANY_FEATURES: "features",
    Reason.MISSING_LABEL: "label",
    Reason.BAD_LABEL: "label",
    Reason.NONFINITE_LABEL: "label",
}


def reject(record: Record, reason: Reason, detail: str) -> Rejected:
    return Rejected(
        offset=record.offset,
        reason=reason.value,
        detail=f"{detail}. {reason.advice}",
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )


def reject_conflicting(records: Sequence[Record], offsets: Collection[int]) -> list[Rejected]:
    """The records at ``offsets``, each a second event under an id that is taken."""
    taken = set(offsets)
    detail = "$.prediction_id: another event with this id came first"
    return [
        reject(record, Reason.CONFLICTING_DUPLICATE, detail) for record in records if record.offset in taken
    ]


def explain(model: type[WireModel], reason: Reason, document: dict[str, Any]) -> str:
    """The JSON path and what the wire contract says about the value there, for a reason about one field."""
    field = _FIELD[reason]
    value = document.get(field)
    if value is None:
        return f"$.{field}: missing"
    if reason is Reason.TOO_MANY_FEATURES:
        return f"$.{field}: {len(value)} features"
    try:
        model.model_validate({field: value})
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            if item["loc"][:1] == (field,):
                return f"$.{field}: {item['msg']}"
    return f"$.{field}: {reason.value}"
