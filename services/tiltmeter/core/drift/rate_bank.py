"""Many e-SR detectors of 0-1 events side by side: the one engine under rates, CDFs and category shares.

Source: Shin, Ramdas, Rinaldo, "E-detectors" (NEJSDS 2023), in the form of :class:`ErrorRateDetector`.
"""

from __future__ import annotations

import hashlib
import math
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.drift.snapshot import Snapshot, require
from tiltmeter.core.drift.tempering import CAP_VALUES, POOL_VALUES
from tiltmeter.events.columns import Float64, Int64


class RateBank:
    """K streams; stream k watches up to E kinds of events, each with H0: P(event | past) ≤ ``mu0[k, e]`` always.

    Per pane of n values with s events and per alternative q = mu0 + step: ln L = w [s ln(q/mu0) + (n-s)
    ln((1-q)/(1-mu0))], an e-value for every conditional mean ≤ mu0 without independence. ln M = ln L +
    logaddexp(ln M, 0), and the evidence of a stream is the mean of M over its components (events × alternatives).
    Components with q ≥ 1 are left out and the rest re-weighted; clipping them would make the null itself false
    there, and leaving them at L = 1 would let M count panes. A stream without components never has evidence;
    :attr:`watching` says so.

    Guarantee, per stream with threshold c: E[panes to the first alarm] ≥ c while its null holds; the same for
    any weighted mean of streams, whatever their dependence. Panes are pooled until a stream has 50 values;
    tempering with w = min(1/phi, cap/n) keeps the guarantee for any phi known before the pane.

    Equal panes give equal bits: sums run left to right through the C library's exp and log1p. Cost: about 25 ns
    per component and pane.
    """

    def __init__(self, mu0: Float64, steps: Sequence[float], cap: int = CAP_VALUES) -> None:
        """``mu0`` float64[K, E] > 0; 1 and more means: no such event."""
        if mu0.ndim != 2 or not bool((mu0 > 0.0).all()):
            raise ValueError("mu0 must be positive, one row per stream")
        self.mu0, self._cap = mu0, cap
        self.streams, self._events = mu0.shape
        places, rows, if_hit, if_not = [], [], [], []
        for place, null in enumerate(mu0.ravel().tolist()):
            for q in (null + step for step in steps if null + step < 1.0):
                places.append(place)
                rows.append(place // max(self._events, 1))
                if_hit.append(math.log(q / null))
                if_not.append(math.log((1.0 - q) / (1.0 - null)))
        self._place = np.array(places, dtype=np.int64)
        self._row = np.array(rows, dtype=np.int64)
        self._if_hit, self._if_not = np.array(if_hit), np.array(if_not)
        self._sizes = np.bincount(self._row, minlength=self.streams)
        self.watching: NDArray[np.bool_] = self._sizes > 0
        self._log_weight = np.array([math.log(1.0 / int(self._sizes[row])) for row in rows])
        self._log_m = np.full(self._row.size, -np.inf)
        self._n = np.zeros(self.streams, dtype=np.int64)
        self._hits = np.zeros((self.streams, self._events), dtype=np.int64)

    def on_pane(self, n: Int64, hits: Int64, phi: Float64) -> None:
        """A closed pane: ``n`` int64[K] values per stream, ``hits`` int64[K, E] events among them, ``phi``
        float64[K] the over-dispersion known before. Streams with n = 0 stay as they are.

        ValueError on impossible counts or phi, and the state is as before.
        """
        if n.shape != self._n.shape or hits.shape != self._hits.shape or not bool((phi >= 1.0).all()):
            raise ValueError(f"need {self.streams} streams of {self._events} events with phi ≥ 1")
        if not (bool((hits >= 0).all()) and bool((hits <= n[:, None]).all())):
            raise ValueError("more events than values")
        if not bool(np.isfinite(phi).all()):
            raise ValueError("phi must be finite")
        self._n, self._hits = self._n + n, self._hits + hits
        ready = (self._n >= POOL_VALUES) & (n > 0)
        if not ready.any():
            return
        weight = np.minimum(np.minimum(1.0 / phi, self._cap / np.maximum(self._n, 1)), 1.0)
        seen = self._hits.ravel()[self._place]
        total = self._n[self._row]
        log_e = weight[self._row] * (seen * self._if_hit + (total - seen) * self._if_not)
        advanced = log_e + np.logaddexp(self._log_m, 0.0)
        self._log_m = advanced if ready.all() else np.where(ready[self._row], advanced, self._log_m)
        self._n = np.where(ready, 0, self._n)
        self._hits = np.where(ready[:, None], 0, self._hits)

    def log_evidence(self, wanted: NDArray[np.bool_] | None = None) -> Float64:
        """ln M of every stream, float64[K]; -inf before any data, and for streams that are not ``wanted``: the sums
        cost more than a pane, and few streams are near a threshold."""
        held = self.watching if wanted is None else self.watching & wanted
        log_m = np.full(self.streams, -np.inf)
        if held.any():
            mine = held[self._row]
            log_m[held] = np.logaddexp.reduceat(
                (self._log_weight + self._log_m)[mine], _starts(self._sizes[held])
            )
        return log_m

    def bound(self) -> Float64:
        """ln of the largest component of every stream, float64[K]: at least :meth:`log_evidence`, for a tenth of its
        cost."""
        log_m = np.full(self.streams, -np.inf)
        if self._row.size:
            log_m[self.watching] = np.maximum.reduceat(self._log_m, _starts(self._sizes[self.watching]))
        return log_m

    def restart(self, stream: int) -> None:
        """M = 0 for one stream: forget everything."""
        self._log_m[self._row == stream] = -np.inf
        self._n[stream] = 0
        self._hits[stream] = 0

    def snapshot(self) -> Snapshot:
        """Plain JSON; ``log_m`` as base64 of little-endian float64, -inf included."""
        return {
            "schema": 1,
            "kind": "rate-bank",
            "null": self._null_digest(),
            "log_m": b64encode(self._log_m.astype("<f8").tobytes()).decode(),
            "n": self._n.tolist(),
            "hits": self._hits.tolist() if self._n.any() else [],
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        require(snapshot, schema=1, kind="rate-bank", null=self._null_digest())
        self._log_m = np.frombuffer(b64decode(snapshot["log_m"]), dtype="<f8").astype(np.float64)
        self._n = np.array(snapshot["n"], dtype=np.int64)
        hits = np.array(snapshot["hits"], dtype=np.int64)
        self._hits = hits if hits.size else np.zeros((self.streams, self._events), dtype=np.int64)

    def _null_digest(self) -> str:
        """Of all nulls to seven decimals: bounds may differ in the last digits between versions of scipy."""
        rounded = np.round(self.mu0, 7).astype("<f8").tobytes()
        digest = hashlib.blake2b(rounded, digest_size=8).hexdigest()
        return f"{self.streams}x{self._events}x{self._row.size}:{digest}"


def _starts(sizes: Int64) -> Int64:
    starts: Int64 = np.concatenate([[0], sizes.cumsum()[:-1]])
    return starts
