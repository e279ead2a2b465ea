"""How often something happened in the first cohorts that were judged, which are taken as good."""

from __future__ import annotations

from typing import Any

from tiltmeter.core.drift.upper_bounds import clopper_pearson_upper

#: Learned from so many cohorts, or sooner from so many predictions.
COHORTS, PREDICTIONS = 200, 10_000


class Baseline:
    """A rate, learned once. ``fewest``: cohorts it needs however many predictions they hold, so that it has seen an
    hour, a day or a week; ``min_samples``: predictions it needs however many cohorts there were."""

    def __init__(self, fewest: int, min_samples: int) -> None:
        self._fewest = fewest
        self._min_samples = min_samples
        self.cohorts = self.n = self.events = 0
        self._squares = 0.0  # sum of events² / n over cohorts

    @property
    def learned(self) -> bool:
        enough = self.cohorts >= COHORTS or (self.n >= PREDICTIONS and self.cohorts >= self._fewest)
        return enough and self.n >= self._min_samples

    def add(self, n: int, events: int) -> None:
        """A cohort; one without predictions, or behind the last that was needed, changes nothing."""
        if n and not self.learned:
            self.cohorts, self.n, self.events = self.cohorts + 1, self.n + n, self.events + events
            self._squares += events * events / n

    @property
    def rate(self) -> float:
        return self.events / self.n

    @property
    def upper(self) -> float:
        """99.5 % upper bound of the rate."""
        return clopper_pearson_upper(self.events, self.n)

    @property
    def phi(self) -> float:
        """Over-dispersion: how much more the cohorts' rates differ than those of independent events would, at least 1
        (Pearson's chi-square over its degrees of freedom)."""
        variance = self.rate * (1.0 - self.rate)
        if self.cohorts < 2 or variance == 0.0:
            return 1.0
        spread = self._squares - self.events * self.events / self.n
        return max(spread / variance / (self.cohorts - 1), 1.0)

    def snapshot(self) -> list[float]:
        return [self.cohorts, self.n, self.events, self._squares]

    def restore(self, wire: list[Any]) -> None:
        self.cohorts, self.n, self.events, self._squares = wire
