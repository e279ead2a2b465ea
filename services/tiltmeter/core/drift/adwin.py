"""ADWIN on panes: an adaptive window over (n, sum, sum of squares).

Source: Bifet & Gavalda, "Learning from time-changing data with adaptive windowing" (SDM 2007). The classic
works item by item; fed with pane means it would count panes as if they were items and go nearly blind, and
one instance per partition is ten times slower. On merged panes with their sizes nothing is lost but the
position inside a pane.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tiltmeter.core.drift.snapshot import Snapshot, require

Direction = Literal["up", "down"]

#: Buckets per size before the two oldest merge.
_PER_SIZE = 5
#: Rounding may carry a sum this much (relative) beyond its range.
_SLACK = 1.0 + 1e-6


@dataclass(frozen=True, slots=True)
class AdwinUpdate:
    """The window after a pane. ``mean`` (NaN before any data) is the best current estimate.

    ``item_variance`` is that of single values; ``variance`` also covers what panes vary by beyond chance
    (both per value). On a cut, ``cut`` is the direction in which the mean moved, from ``before`` to
    ``after``, and ``change_point_ms`` the start of the first pane after the most likely change.
    """

    mean: float
    width: int  # values
    panes: int
    item_variance: float
    variance: float
    cut: Direction | None = None
    before: float = math.nan
    after: float = math.nan
    change_point_ms: int | None = None


class PaneAdwin:
    """Values lie in [0, 1]; sums are floats in those units (fixed-point pane sums divided by their power of
    two: exact below 2**53).

    A window is cut between buckets where |S1/n1 - S0/n0| > sqrt(2 i v L) + (2/3) i L, with i = 1/n0 + 1/n1,
    L = ln(2 ln(panes) / delta), v = max(Q/N - mean², (P - S²/N) / (panes - 1)): the second term is the
    variance between panes, so that panes that wobble more than chance do not cut. All that lies before the
    strongest border goes, until none cuts. (The paper drops one bucket at a time: same delay, but on waves it
    cuts four times as often, because what is left still straddles the change.)

    ``delta`` bounds a false cut per check, not per lifetime, and assumes independent values: it is an
    estimate of where the data stand, not an alarm. Only :mod:`adwin_gate` may warn. Memory: 5 log2(panes)
    buckets; about 15 µs per pane after a day.
    """

    def __init__(self, delta: float = 0.002) -> None:
        if not 0.0 < delta < 1.0:
            raise ValueError(f"delta must lie in (0, 1), not {delta}")
        self._delta = delta
        # Buckets, oldest first, so sizes never grow. A list per column: sums over one run in C.
        self._n: list[int] = []
        self._total: list[float] = []  # S: sum of x
        self._squares: list[float] = []  # Q: sum of x²
        self._between: list[float] = []  # P: sum over panes of S_i² / n_i
        self._panes: list[int] = []  # powers of two
        self._start_ms: list[int] = []

    @property
    def _columns(self) -> tuple[list[Any], ...]:
        return self._n, self._total, self._squares, self._between, self._panes, self._start_ms

    def on_pane(self, n: int, total: float, squares: float, start_ms: int = 0) -> AdwinUpdate:
        """A closed pane of n values, their sum and their sum of squares; n = 0 changes nothing.

        ValueError on NaN or sums outside [0, n], and the state is as before.
        """
        limit = n * _SLACK
        if not (n >= 0 and 0.0 <= total <= limit and 0.0 <= squares <= limit):
            raise ValueError(f"{n} values in [0, 1] cannot sum to {total}, their squares to {squares}")
        if not n:
            return self.update()
        s = float(total)
        for column, field in zip(
            self._columns, (int(n), s, float(squares), s * s / n, 1, start_ms), strict=True
        ):
            column.append(field)
        self._compress()
        return self._shrink()

    def update(self) -> AdwinUpdate:
        """The window as of the last pane."""
        n = sum(self._n)
        if n == 0:
            return AdwinUpdate(math.nan, 0, 0, math.nan, math.nan)
        panes = sum(self._panes)
        total = math.fsum(self._total)
        mean = total / n
        item_variance = max(math.fsum(self._squares) / n - mean * mean, 0.0)
        variance = item_variance
        if panes > 1:
            variance = max(variance, (math.fsum(self._between) - total * mean) / (panes - 1))
        return AdwinUpdate(mean, n, panes, item_variance, variance)

    def _compress(self) -> None:
        sizes, size, end = self._panes, 1, len(self._panes)
        while True:
            first = end
            while first > 0 and sizes[first - 1] == size:
                first -= 1
            if end - first <= _PER_SIZE:
                return
            for column in self._columns[:-1]:  # the older start stays
                column[first] += column.pop(first + 1)
            del self._start_ms[first + 1]
            size, end = size * 2, first + 1

    def _shrink(self) -> AdwinUpdate:
        window = self.update()
        border = self._strongest_cut(window)
        if border is None:
            return window
        before = math.fsum(self._total[:border]) / sum(self._n[:border])
        after = math.fsum(self._total[border:]) / sum(self._n[border:])
        changed_ms = self._start_ms[border]
        while border is not None:
            for column in self._columns:
                del column[:border]
            window = self.update()
            border = self._strongest_cut(window)
        direction: Direction = "up" if after > before else "down"
        return AdwinUpdate(
            window.mean, window.width, window.panes, window.item_variance, window.variance,
            direction, before, after, changed_ms,
        )  # fmt: skip

    def _strongest_cut(self, window: AdwinUpdate) -> int | None:
        """The border (buckets to its left) that exceeds its bound most, None if none does."""
        if window.panes < 2:
            return None
        log_term = math.log(2.0 * math.log(window.panes) / self._delta)
        noise = 2.0 * window.variance * log_term
        linear = 2.0 / 3.0 * log_term
        mean, width = window.mean, window.width
        total = mean * width
        best, strongest = None, 1.0
        left_n, left_total = 0, 0.0
        for border, (n, s) in enumerate(zip(self._n[:-1], self._total, strict=False), start=1):
            left_n += n
            left_total += s
            right_n = width - left_n
            # Below the first term of the bound alone, as nearly every border: distance² <= noise * inverse.
            off = left_total - mean * left_n
            if off * off * width <= noise * left_n * right_n:
                continue
            inverse = 1.0 / left_n + 1.0 / right_n
            distance = abs(left_total / left_n - (total - left_total) / right_n)
            strength = distance / (math.sqrt(noise * inverse) + linear * inverse)
            if strength > strongest:
                best, strongest = border, strength
        return best

    def snapshot(self) -> Snapshot:
        buckets = [list(bucket) for bucket in zip(*self._columns, strict=True)]
        return {"schema": 1, "kind": "pane-adwin", "buckets": buckets}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        require(snapshot, schema=1, kind="pane-adwin")
        for place, column in enumerate(self._columns):
            column[:] = [bucket[place] for bucket in snapshot["buckets"]]
