"""One record of a log → one plain row, or the reason why it cannot be used."""

from __future__ import annotations

import json
import math
from typing import Any

from tiltmeter.events.class_key import class_key

HOUR_MS = 3_600_000
LAST_MS = 7_258_118_400_000
Row = dict[str, Any]


def read(side: str, offset: int, timestamp: int, value: bytes | None) -> Row | str:
    """A row, or the name of a reason (``tiltmeter.events.reasons``)."""
    if not value:
        return "empty_value"
    try:
        event = json.loads(value)
    except ValueError:
        return "malformed_json"
    if not isinstance(event, dict):
        return "not_an_object"
    fault = _name_fault(event, "prediction_id", "id")
    if side == "predictions":
        fault = fault or _name_fault(event, "model", "model")
    fault = fault or _time_fault(event.get("at"), timestamp) or _outcome_fault(side, event)
    if fault:
        return fault
    moment = event["at"]
    outcome = event.get("prediction" if side == "predictions" else "label")
    row: Row = {
        "offset": offset,
        "id": event["prediction_id"],
        "at": moment,
        "event": moment if timestamp < 0 else min(moment, timestamp),
        "raw": value,
        **_outcome(outcome if _is_outcome(outcome) else None),
    }
    if side == "feedback":
        revision = event.get("revision")
        propensity = _number(event.get("label_propensity"))
        return {
            **row,
            "revision": revision if type(revision) is int and revision >= 0 else -1,
            "propensity": propensity if propensity is not None and 0 < propensity <= 1 else None,
        }
    features = event.get("features")
    return {
        **row,
        "model": event["model"],
        "version": event["version"] if _is_name(event.get("version")) else "unversioned",
        "ok": event.get("status") != "error",
        "weight": event["weight"] if type(event.get("weight")) is int and event["weight"] >= 1 else 1,
        "score": _number(event.get("score")),
        "latency": _number(event.get("latency_ms")),
        "features": features if isinstance(features, dict) else {},
        "nonfinite": set(event.get("nonfinite") or ()),
    }


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 256


def _name_fault(event: Row, field: str, short: str) -> str | None:
    value = event.get(field)
    if value is None:
        return f"missing_{short}"
    return None if _is_name(value) else f"bad_{short}"


def _time_fault(value: Any, timestamp: int) -> str | None:
    if value is None:
        return "missing_time"
    if type(value) is not int or not 0 <= value < LAST_MS:
        return "bad_time"
    return "future_time" if timestamp >= 0 and value > timestamp + HOUR_MS else None


def _outcome_fault(side: str, event: Row) -> str | None:
    if side == "predictions":
        if event.get("status") == "error" or _is_outcome(event.get("prediction")):
            return None
        return "missing_prediction" if event.get("prediction") is None else "bad_prediction"
    label = event.get("label")
    if label is None:
        return "missing_label"
    if isinstance(label, float) and not math.isfinite(label):
        return "nonfinite_label"
    return None if _is_outcome(label) else "bad_label"


def _is_outcome(value: Any) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _outcome(value: Any) -> Row:
    number = float(value) if type(value) in (int, float) else math.nan
    key = b"" if value is None else class_key(value)
    return {"outcome": value, "class": key.decode(), "number": number}


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None
