"""Has a numeric distribution moved further from its reference than tolerated? With a false-alarm budget.

Source: the e-SR recursion of Shin, Ramdas, Rinaldo, "E-detectors" (NEJSDS 2023), over bets on the CDF at fixed
points in both directions; the reference's uncertainty by the DKW inequality with Massart's constant (1990).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tiltmeter.core.drift.rate_bank import RateBank
from tiltmeter.core.drift.tempering import CAP_VALUES
from tiltmeter.events.columns import Float64, Int64

#: Alternatives lie this far above the null.
STEPS = (0.005, 0.015, 0.05, 0.15)
#: The CDF is watched at about GRID - 1 quantiles of the reference.
GRID = 32


def grid_borders(counts: Int64, grid: int = GRID) -> Int64:
    """Indices i of the borders behind histogram bin i that lie nearest to the ``grid``-quantiles, ascending and
    distinct; fewer where the reference has few bins or heavy atoms. int64[G], G < ``grid``, G ≥ 0."""
    cumulative = counts.cumsum()[:-1]
    if cumulative.size == 0:
        return np.empty(0, dtype=np.int64)
    wanted = np.arange(1, grid, dtype=np.int64) * int(counts.sum())
    nearest = np.abs(cumulative[None, :] * grid - wanted[:, None]).argmin(
        axis=1
    )  # integers: no ties by rounding
    return np.unique(nearest).astype(np.int64)


class CdfDetector:
    """F features at L tolerances; H0(tau): |P(X ≤ x | past) - F_ref(x)| ≤ tau at all times and points x.

    For G ≤ 31 quantile borders, both directions and 4 alternatives: "+" bets on X ≤ e with mu0 = F_ref(e) + tau +
    eps, "-" on X > e with mu0 = 1 - F_ref(e) + tau + eps; M is the mean over up to 248 components (see
    :class:`RateBank` for the recursion and what is left out). ``margins`` are eps, the reference's DKW-Massart
    margins sqrt(ln(2 d / delta) / (2 m)): with probability 1 - delta over the draw of the reference, the
    guarantee of RateBank holds for every feature and for any weighted mean of features, whatever depends on what.

    It sees D > tau + eps at a border. About 31 of 256 bins are watched, so a change between two borders is seen
    only once it has carried 1/32 of the mass across one. Cost: 20 features at one tolerance about 0.14 ms per
    pane; state 2 KB per feature and tolerance.
    """

    def __init__(
        self,
        references: Sequence[Int64],
        tolerances: Sequence[float],
        margins: Sequence[float],
        cap: int = CAP_VALUES,
    ) -> None:
        """``references``: int64[B_f] histogram counts; ``margins``: one per feature."""
        self.features, self.levels = len(references), len(tolerances)
        borders = [grid_borders(counts) for counts in references]
        self.events = max((b.size for b in borders), default=0)
        self._bins = [counts.size for counts in references]
        starts = np.concatenate([[0], np.cumsum(self._bins)[:-1]]).astype(np.int64)
        #: Position of each border in the features' bins laid end to end; unused ones point at the feature's first.
        self._at = np.repeat(starts[: self.features, None], self.events, axis=1)
        self._before = starts[: self.features] - 1
        mu0 = np.full((self.levels, self.features, 2 * self.events), 1.0)
        for f, (counts, places) in enumerate(zip(references, borders, strict=True)):
            share = counts.cumsum()[places] / max(int(counts.sum()), 1)
            self._at[f, : places.size] += places
            for level, tau in enumerate(tolerances):
                mu0[level, f, : places.size] = share + tau + margins[f]
                mu0[level, f, self.events : self.events + places.size] = 1.0 - share + tau + margins[f]
        if any(int(counts.sum()) == 0 for counts in references):
            raise ValueError("a reference without values has no distribution")
        self.bank = RateBank(mu0.reshape(self.levels * self.features, 2 * self.events), STEPS, cap)

    def below(self, counts: Sequence[Int64 | None]) -> tuple[Int64, Int64]:
        """(n int64[F], values at or below each border int64[F, G]) of one pane's histograms; None: no values."""
        flat = np.concatenate(
            [np.zeros(b, dtype=np.int64) if c is None else c for c, b in zip(counts, self._bins, strict=True)]
            or [np.empty(0, dtype=np.int64)]
        )
        running = np.concatenate([flat.cumsum(), [0]])  # the last is what lies before the first feature
        base = running[self._before]
        last = running[np.cumsum(self._bins, dtype=np.int64) - 1] if self.features else base
        return last - base, running[self._at] - base[:, None]

    def on_pane(self, n: Int64, below: Int64, phi: Float64) -> None:
        """A closed pane as :meth:`below` gives it; ``phi`` float64[F] is the over-dispersion known before."""
        hits = np.concatenate([below, n[:, None] - below], axis=1)
        levels = self.levels
        self.bank.on_pane(np.tile(n, levels), np.tile(hits, (levels, 1)), np.tile(phi, levels))
