"""Whether what a model answers is a class or a number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import Performance
from tiltmeter.events.columns import KIND_FLOAT


def task_of(policy: ModelPolicy, first: Performance | None) -> str:
    """The policy's word, else that of the version's first reference, else "auto": by the event."""
    if policy.task != "auto" or first is None:
        return policy.task
    return first.task


def numeric_rows(kind: NDArray[Any], task: str) -> NDArray[np.bool_]:
    """bool[n]: which answers, written as ``kind``, are numbers; by the event a fraction is one."""
    if task == "auto":
        numeric: NDArray[np.bool_] = kind == KIND_FLOAT
        return numeric
    return np.full(kind.shape, task == "regression")
