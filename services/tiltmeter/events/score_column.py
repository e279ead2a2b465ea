"""The score of each prediction: its own, else from its probabilities.

For a model whose classes are 0 and 1 that is the probability of class 1, which is what log loss and Brier score
are about; for others the probability of the class it predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tiltmeter.events.class_key import class_key
from tiltmeter.events.columns import Float64

_MAX_CLASSES = 10_000
#: How the positive class of a binary model may be spelled as a key.
_POSITIVE = ("1", "true", "True", "1.0")


def fill_from_probabilities(score: Float64, probabilities: Sequence[Any], predictions: Sequence[Any]) -> int:
    """Fills NaN in ``score`` in place; returns how many maps were unusable."""
    unusable = 0
    for row, by_class in enumerate(probabilities):
        if by_class is None:
            continue
        if not _usable(by_class):
            unusable += 1
        elif np.isnan(score[row]) and predictions[row] is not None:
            names = (*_POSITIVE, *_spellings(predictions[row]))
            score[row] = next((by_class[name] for name in names if name in by_class), np.nan)
    return unusable


def _usable(by_class: object) -> bool:
    return (
        type(by_class) is dict
        and len(by_class) <= _MAX_CLASSES
        and all(type(p) in (int, float) and 0 <= p <= 1 for p in by_class.values())
    )


def _spellings(prediction: bool | float | str) -> tuple[str, ...]:
    """How a JSON library may write the class as a key of an object, the canonical one first."""
    if isinstance(prediction, str):
        return (prediction,)
    canonical = class_key(prediction).decode()
    if isinstance(prediction, bool):
        return canonical, str(prediction).lower(), str(prediction)
    return canonical, repr(prediction)
