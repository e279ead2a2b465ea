"""Has the share of some category moved further from the reference than tolerated? With a false-alarm budget.

Source: as :mod:`tiltmeter.core.drift.cdf_detector`; the reference's uncertainty by Hoeffding's inequality (1963).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tiltmeter.core.drift.cdf_detector import STEPS
from tiltmeter.core.drift.rate_bank import RateBank
from tiltmeter.core.drift.tempering import CAP_VALUES
from tiltmeter.events.columns import Float64, Int64


class CategoryDetector:
    """F features at L tolerances; H0(tau): |P(category k | past) - p_k| ≤ tau for every k at all times.

    For each category of the reference, and for all others together ("(unseen)" and what the reference counted as
    other), both directions and 4 alternatives: "up" bets on k with mu0 = p_k + tau + eps, "down" on not k with mu0
    = 1 - p_k + tau + eps. Recursion, guarantee and what is left out: :class:`RateBank`. ``margins`` are the
    reference's Hoeffding margins over all categories. Cost: 0.2 µs per category, tolerance and pane.
    """

    def __init__(
        self,
        references: Sequence[tuple[Mapping[str, int], int]],
        tolerances: Sequence[float],
        margins: Sequence[float],
        cap: int = CAP_VALUES,
    ) -> None:
        """``references``: counts by category, and of the rest; ``margins``: one per feature."""
        self.features, self.levels = len(references), len(tolerances)
        self._places = [{name: i for i, name in enumerate(sorted(known))} for known, _ in references]
        self.events = max((len(p) + 1 for p in self._places), default=0)
        mu0 = np.full((self.levels, self.features, 2 * self.events), 1.0)
        for f, (known, other) in enumerate(references):
            counts = np.array([*(known[name] for name in self._places[f]), other], dtype=np.int64)
            if not counts.any():
                raise ValueError("a reference without values has no shares")
            share = counts / int(counts.sum())
            for level, tau in enumerate(tolerances):
                mu0[level, f, : share.size] = share + tau + margins[f]
                mu0[level, f, self.events : self.events + share.size] = 1.0 - share + tau + margins[f]
        self.bank = RateBank(mu0.reshape(self.levels * self.features, 2 * self.events), STEPS, cap)

    def shares(self, counts: Sequence[Mapping[str, int] | None]) -> tuple[Int64, Int64]:
        """(n int64[F], values of each category int64[F, K + 1]) of one pane; None: no values."""
        values = np.zeros((self.features, self.events), dtype=np.int64)
        for f, (seen, places) in enumerate(zip(counts, self._places, strict=True)):
            for name, count in (seen or {}).items():
                values[f, places.get(name, len(places))] += count
        return values.sum(axis=1), values

    def on_pane(self, n: Int64, values: Int64, phi: Float64) -> None:
        """A closed pane as :meth:`shares` gives it; ``phi`` float64[F] is the over-dispersion known before."""
        hits = np.concatenate([values, n[:, None] - values], axis=1)
        levels = self.levels
        self.bank.on_pane(np.tile(n, levels), np.tile(hits, (levels, 1)), np.tile(phi, levels))
