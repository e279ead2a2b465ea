"""How the features of a window go together, against the reference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JointDrift:
    """Of a window against the reference; NaN without rows. ``change`` is that of the ``pair`` of features whose
    correlation changed most, from ``before`` to ``now``. ``reconstruction``: the mean squared error of
    reconstructing rows from the reference's principal components, as a multiple of the reference's."""

    rows: int
    pair: tuple[str, str]
    before: float
    now: float
    reconstruction: float
    outlier_ratio: float

    @property
    def change(self) -> float:
        return abs(self.now - self.before)
