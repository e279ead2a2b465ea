"""A prediction measured from the start of the model call, and reported also when the call fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypedDict


class TimedFields(TypedDict, total=False):
    """What is known before the model answers; see ``Emitter.prediction``."""

    at: object
    segments: Mapping[str, Any] | None
    entity_id: object
    variant: object
    request_id: object
    model: str | None
    version: str | None


class TimedPrediction:
    """What ``Emitter.timed`` returns. Set ``prediction`` (and ``score``...) inside the ``with``.

    If the body raises, the event says ``status="error"`` and the exception goes on.
    """

    def __init__(
        self, emit: Callable[..., str], prediction_id: object, features: object, fields: TimedFields
    ) -> None:
        self.prediction_id = prediction_id
        self.prediction: object = None
        self.score: object = None
        self.probabilities: Any = None
        self._emit = emit
        self._features = features
        self._fields = fields
        self._start = 0.0

    def __enter__(self) -> Self:
        self._start = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._emit(
            self._features,
            self.prediction if kind is None else None,
            prediction_id=self.prediction_id,
            score=self.score,
            probabilities=self.probabilities,
            latency_ms=(perf_counter() - self._start) * 1000,
            status="ok" if kind is None else "error",
            **self._fields,
        )
