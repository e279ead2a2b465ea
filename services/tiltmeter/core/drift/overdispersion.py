"""How much more panes differ from one another than independent values would: phi, learned from the first panes.

phi = 1 for independent values; 10 if every value comes ten times. It tempers e-values and widens KS margins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tiltmeter.core.drift.snapshot import Snapshot, require
from tiltmeter.events.columns import Float64, Int64

#: Assumed while phi is being learned: a value counts as a tenth of one.
ASSUMED = 10.0
#: phi of a stream is this percentile of phi over its events (statistics 3.5): the worst border counts, an outlier
#: among them does not.
_PERCENTILE = 90.0
#: Events that happen less often than this per pane, in units of their variance, say little about phi.
_LEAST_VARIANCE = 1.0


class Overdispersion:
    """K streams of up to E kinds of events each, ``panes`` panes per stream to learn from.

    With x_t the share of an event among the n_t values of pane t: phi_e = mean of (x_t - x_{t-1})² / (1/n_t +
    1/n_{t-1}) over consecutive panes with values, divided by p (1 - p) of all learned panes; 1 in expectation for
    independent values. Differences of neighbours instead of distances to the mean (von Neumann, Kent, Bellinson,
    Hart 1941): a level that drifts slowly is not over-dispersion, and a step during learning spoils one term,
    not all that follow. The price is a standard error of sqrt(3 / panes) instead of sqrt(2 / panes). Heuristic: panes
    that depend on each other over a long time look independent to it; the tolerance absorbs what they wander.

    ``known[k]`` becomes true, and ``learned[k]``, with the last pane needed, and phi never changes after that. What
    somebody else has learned may be used until then (:meth:`borrow`). So phi is always known before the pane it is
    used on. State: 4 floats per event.
    """

    def __init__(self, streams: int, events: int, panes: int) -> None:
        self._needed = panes
        self.seen = np.zeros(streams, dtype=np.int64)
        self.phi: Float64 = np.full(streams, ASSUMED if panes > 0 else 1.0)
        self.known = np.full(streams, panes <= 0)
        self.learned = self.known.copy()
        self._n = np.zeros(streams, dtype=np.int64)
        self._last_n = np.zeros(streams, dtype=np.int64)
        self._last: Float64 = np.zeros((streams, events))
        self._sums: Float64 = np.zeros((streams, events))
        self._squares: Float64 = np.zeros((streams, events))
        self._changes: Float64 = np.zeros((streams, events))

    def assume(self, stream: int, phi: float) -> None:
        """Take an over-dispersion that is certain, as a reference's; nothing is learned any more."""
        self.phi[stream], self.known[stream], self.learned[stream] = max(phi, 1.0), True, True

    def borrow(self, stream: int, phi: float) -> None:
        """Use what was learned elsewhere, until it is learned here. Nothing if something is known."""
        if not self.known[stream]:
            self.phi[stream], self.known[stream] = max(phi, 1.0), True

    def on_pane(self, n: Int64, sums: Float64 | Int64, squares: Float64 | Int64 | None = None) -> None:
        """A closed pane: n int64[K] values, their sums [K, E], and sums of squares if they are not 0 or 1."""
        learning = ~self.learned & (n > 0)
        if not learning.any():
            return
        second = sums if squares is None else squares
        for k in learning.nonzero()[0].tolist():
            share = sums[k] / int(n[k])
            if self._last_n[k]:
                per_value = 1.0 / int(n[k]) + 1.0 / int(self._last_n[k])
                self._changes[k] += (share - self._last[k]) ** 2 / per_value
            self._last[k], self._last_n[k] = share, n[k]
            self._n[k] += n[k]
            self._sums[k] += sums[k]
            self._squares[k] += second[k]
            self.seen[k] += 1
            if self.seen[k] >= max(self._needed, 2):
                self.assume(k, self._estimate(k))

    def _estimate(self, k: int) -> float:
        n, panes = int(self._n[k]), int(self.seen[k])
        mean = self._sums[k] / n
        variance = self._squares[k] / n - mean * mean
        held = variance * n / panes >= _LEAST_VARIANCE
        if not held.any():
            held = variance > 1e-12
        if not held.any():  # nothing ever varied: as independent as can be
            return 1.0
        phi = self._changes[k][held] / (panes - 1) / variance[held]
        return max(1.0, float(np.percentile(phi, _PERCENTILE)))

    def snapshot(self) -> Snapshot:
        return {
            "schema": 1,
            "kind": "overdispersion",
            "shape": list(self._sums.shape),
            "phi": self.phi.tolist(),
            "known": self.known.tolist(),
            "learned": self.learned.tolist(),
            "learning": {
                str(k): [
                    int(self.seen[k]),
                    int(self._n[k]),
                    int(self._last_n[k]),
                    *(a[k].tolist() for a in (self._last, self._sums, self._squares, self._changes)),
                ]
                for k in (~self.learned).nonzero()[0].tolist()
            },
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        require(snapshot, schema=1, kind="overdispersion", shape=list(self._sums.shape))
        self.phi = np.array(snapshot["phi"], dtype=np.float64)
        self.known = np.array(snapshot["known"], dtype=np.bool_)
        self.learned = np.array(snapshot["learned"], dtype=np.bool_)
        for name, (seen, n, last_n, *arrays) in snapshot["learning"].items():
            k = int(name)
            self.seen[k], self._n[k], self._last_n[k] = seen, n, last_n
            for target, values in zip(
                (self._last, self._sums, self._squares, self._changes), arrays, strict=True
            ):
                target[k] = values
