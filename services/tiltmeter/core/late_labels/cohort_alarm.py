"""Has something become more frequent in cohorts of predictions, at one maturity or at several?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tiltmeter.core.drift.e_detector import Evidence
from tiltmeter.core.drift.error_rate import ErrorRateDetector
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.late_labels.maturity import Maturity
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.verdicts.alert_state import AlertState, Subject, Word

#: One-sided 95 % normal quantile, for saying "healthy".
_Z = 1.645


class CohortAlarm:
    """One alert from several streams of cohorts, one per maturity.

    Evidence is the largest of the streams' e-SR statistics M_k, and the threshold c is the number of cohorts of all
    streams in ``days``. Guarantee: while every stream's rate stays within its null, given what that stream has judged
    before, false alarms number on average at most one in ``days``, whatever the dependence between the streams.

    Proof, by a union bound: by its own past M_k reaches c at most n_k / c times on average in n_k cohorts, with a
    restart after each (e_detector.py). Restarts by another stream's alarm only lower M_k, whenever they come: they
    make no alarm earlier. (Where cohorts are so small that they are pooled, restarts also move the borders of pools:
    there this is proved up to the first alarm.) The mean of the M_k would be no e-SR statistic: a cohort judged at
    7 d has been seen at 1 d, so the streams have no common past. It would have the same proof at the same threshold,
    and reach it later.

    It resolves by the stream that carried the alarm: by the cohorts since the onset, or since they last looked bad,
    as soon as they prove that the rate is within the null. Cohorts older than those of the proof say nothing more:
    a slow maturity would raise the same alarm again, weeks after it was dealt with.
    """

    def __init__(self, streams: Sequence[Maturity], days: float, clear_panes: int) -> None:
        self._names = {maturity.name for maturity in streams}
        per_day = sum(maturity.cohorts_per_day for maturity in streams)
        self._log_threshold = math.log(max(per_day * days, 2.0))
        self._detectors: dict[str, ErrorRateDetector] = {}
        self._phi: dict[str, float] = {}  # by stream: that of its last cohort
        self.state = AlertState(clear_panes)
        self._carrier = ""
        #: Of the carrier since the onset: first cohort, n, events. None: nothing yet.
        self._since: tuple[int, int, int] | None = None
        self._settled_ms: int | None = None  # cohorts before it are dealt with
        self._moved = False

    def null(self, name: str, mu0: float) -> None:
        """What a stream is judged against from now on. Evidence against another null is forgotten."""
        held = self._detectors.get(name)
        if held is None or held.mu0 != mu0:
            self._detectors[name] = ErrorRateDetector(mu0, self._log_threshold)

    def add(self, name: str, start_ms: int, n: int, events: int, phi: float = 1.0) -> None:
        """A cohort of one stream, in order of time. ``phi``: the stream's over-dispersion, known before."""
        if name not in self._detectors or n == 0 or start_ms < (self._settled_ms or start_ms):
            return
        self._detectors[name].on_pane(n, events, phi)
        self._phi[name] = phi
        if not self.state.firing:
            self._moved = True
        elif name == self._carrier:
            self._moved = True
            first, total_n, total_events = self._since or (start_ms, 0, 0)
            self._since = (first, total_n + n, total_events + events)

    def evidence(self) -> Evidence:
        most = max((d.evidence().log_evidence for d in self._detectors.values()), default=-math.inf)
        return Evidence(most, self._log_threshold)

    def judge(self, subject: Subject, key: PaneKey, summary: str) -> dict[str, Any] | None:
        """After the cohorts of one point in time; the alert to publish, if its state changed."""
        if not self._moved:
            return None
        self._moved = False
        evidence = self.evidence()
        if not self.state.firing:
            self._carrier = self._strongest()
        healthy = self._healthy()
        mu0 = self._detectors[self._carrier].mu0
        numbers = {"evidence_ratio": min(evidence.ratio, 1e6), "allowed": mu0}
        if self._since is not None:
            numbers["since_onset"] = self._since[2] / self._since[1]
        word = Word(
            evidence.alarm and not healthy, healthy, numbers, f"{summary} {mu0:.4f} at {self._carrier}"
        )
        alert = self.state.on_pane(subject, key, word)
        if alert is not None and alert["transition"] == "resolved":
            self._settled_ms = self._since[0] if self._since else None
            self._since = None
            for detector in self._detectors.values():
                detector.restart()
        return alert

    def _strongest(self) -> str:
        names = sorted(self._detectors) or sorted(self._names)
        known = {name: detector.evidence().log_evidence for name, detector in self._detectors.items()}
        return max(names, key=lambda name: known.get(name, -math.inf))

    def _healthy(self) -> bool:
        """Do the carrier's cohorts since the onset, or since they last looked bad, prove the rate allowed? By the
        over-dispersion that tempers the evidence: a margin for independent events would flap where they come in
        clusters. The normal margin is a heuristic."""
        if not self.state.firing or self._since is None:
            return False
        _, n, events = self._since
        mean, mu0, phi = events / n, self._detectors[self._carrier].mu0, self._phi[self._carrier]
        margin = _Z * math.sqrt(max(mean * (1 - mean), 1e-9) * phi / n) + phi / n
        if mean - margin > mu0:
            self._since = None
        return mean + margin < mu0

    def snapshot(self) -> dict[str, Any]:
        return {
            "nulls": {name: d.mu0 for name, d in sorted(self._detectors.items())},
            "detectors": {name: d.snapshot() for name, d in sorted(self._detectors.items())},
            "phi": dict(sorted(self._phi.items())),
            "state": self.state.snapshot(),
            "carrier": self._carrier,
            "since": self._since,
            "settled": self._settled_ms,
        }

    def restore(self, wire: dict[str, Any]) -> None:
        for name, mu0 in wire["nulls"].items():
            if name not in self._names:  # the policy has other maturities now
                continue
            self.null(name, mu0)
            with suppress(SnapshotMismatchError):
                self._detectors[name].restore(wire["detectors"][name])
        self._phi = {name: phi for name, phi in wire["phi"].items() if name in self._names}
        self.state.restore(wire["state"])
        self._carrier, self._settled_ms = wire["carrier"], wire["settled"]
        self._since = tuple(wire["since"]) if wire["since"] else None
        if (
            self.state.firing and self._carrier not in self._names
        ):  # another stream takes over, and proves by its own cohorts
            self._carrier, self._since = self._strongest(), None
