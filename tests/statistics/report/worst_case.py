"""One endless run of a detector at the worst point of its null."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tiltmeter.core.drift.attribution import declared

#: True at the pane of the first false alarm.
Alarms = Callable[[np.random.Generator, float], Iterator[bool]]


@dataclass(frozen=True)
class Case:
    """``alarms(rng, nominal)``: one endless run under the null, asked pane by pane."""

    title: str
    alarms: Alarms
    nominal: float = 200.0
    most: int = 4_000
    share: float = 1.0  # of the scale's runs
    quick: bool = False


def first_declared(log_evidence: np.ndarray, nominal: float) -> bool:
    """Does e-d-BH name one of the streams, each with its ln M?"""
    streams = {str(i): m for i, m in enumerate(log_evidence.tolist())}
    return bool(declared(streams, math.log(nominal), len(streams)))
