"""Which rows of a batch lack something an event cannot do without.

Each check looks at the column as a whole first, and at single values only if that finds something unusual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tiltmeter.events.columns import Int64
from tiltmeter.events.outcome_column import finite, is_outcome
from tiltmeter.events.reasons import MAX_FEATURES, MAX_FUTURE_MS, Reason
from tiltmeter.events.timestamp_column import BAD

#: Row -> what is wrong with it.
Faults = dict[int, Reason]

MAX_NAME = 256


def is_name(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME


def all_names(values: Sequence[Any]) -> bool:
    if set(map(type, values)) - {str}:
        return False
    lengths = set(map(len, values))
    return not lengths or (min(lengths) >= 1 and max(lengths) <= MAX_NAME)


def name_faults(values: Sequence[Any], missing: Reason, bad: Reason) -> Faults:
    if all_names(values):
        return {}
    return {row: missing if value is None else bad for row, value in enumerate(values) if not is_name(value)}


def time_faults(values: Sequence[Any], at_ms: Int64, kafka_ms: Int64) -> Faults:
    """``at_ms`` is what ``values`` parse to. The future is judged by the log, never by a clock (semantics 1)."""
    future = (kafka_ms >= 0) & (at_ms > kafka_ms + MAX_FUTURE_MS)
    faults = dict.fromkeys(np.flatnonzero(future).tolist(), Reason.FUTURE_TIME)
    for row in np.flatnonzero(at_ms == BAD).tolist():
        faults[row] = Reason.MISSING_TIME if values[row] is None else Reason.BAD_TIME
    return faults


def prediction_faults(values: Sequence[Any], failed: Sequence[bool] | None) -> Faults:
    """``failed``: the rows whose status is "error"; they may lack a prediction. None: no row has it."""
    faults = _outcome_faults(values, Reason.MISSING_PREDICTION, Reason.BAD_PREDICTION, Reason.BAD_PREDICTION)
    return {row: reason for row, reason in faults.items() if not failed[row]} if failed else faults


def label_faults(values: Sequence[Any]) -> Faults:
    return _outcome_faults(values, Reason.MISSING_LABEL, Reason.BAD_LABEL, Reason.NONFINITE_LABEL)


def _outcome_faults(values: Sequence[Any], missing: Reason, bad: Reason, nonfinite: Reason) -> Faults:
    types = set(map(type, values))
    if types <= {str, bool, int} or (types == {float} and all(map(finite, values))):
        return {}
    faults = {}
    for row, value in enumerate(values):
        if value is None:
            faults[row] = missing
        elif not is_outcome(value):
            faults[row] = nonfinite if isinstance(value, float) else bad
    return faults


def feature_faults(values: Sequence[Any]) -> Faults:
    if set(map(type, values)) == {dict} and max(map(len, values)) <= MAX_FEATURES:
        return {}
    return {
        row: Reason.TOO_MANY_FEATURES
        for row, features in enumerate(values)
        if type(features) is dict and len(features) > MAX_FEATURES
    }


def merge(*checks: Faults) -> Faults:
    """The first check that finds fault with a row names its reason. In row order."""
    merged: Faults = {}
    for faults in reversed(checks):
        merged |= faults
    return dict(sorted(merged.items()))
