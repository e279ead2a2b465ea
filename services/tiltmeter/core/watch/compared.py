"""What is shown alike of features, predictions and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

from tiltmeter.core.drift.effect_sizes import EffectSizes
from tiltmeter.core.drift.further_measures import FurtherMeasures
from tiltmeter.core.watch.distribution import Drift

T_contra = TypeVar("T_contra", contravariant=True)


class Compared(Protocol[T_contra]):
    """Distributions that are compared with a reference, in a sum of panes of their timeline."""

    def drifts(self, total: T_contra) -> Iterator[tuple[str, Drift]]: ...

    def effects(self, total: T_contra) -> Iterator[tuple[str, EffectSizes]]: ...

    def further(
        self, total: T_contra, drifts: Mapping[str, Drift]
    ) -> Iterator[tuple[str, FurtherMeasures]]: ...

    def drifted(self) -> Mapping[str, int]: ...

    def overdispersion(self) -> Mapping[str, float | None]: ...
