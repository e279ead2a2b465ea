"""From when on a distribution is beyond a tolerance, and when it is proved to be back.

within ──KS window or e-SR──▶ beyond ──proved within for `clear_panes` panes──▶ within
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.watch.distribution import Distribution, Drift

#: 95 % DKW margin for saying "healthy": a wrong all-clear is repaired by the next alarm.
_CLEAR = math.sqrt(math.log(2 / 0.05) / 2)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the detectors say of one distribution at one tolerance after a pane. ``drift`` is of the detection window,
    ``pane`` of the pane alone: e-SR may be ahead of a window that still holds much of the time before."""

    drift: Drift
    pane: Drift | None
    tolerance: float
    crossed: bool  # the e-SR detector has declared it
    log_evidence: float  # -inf if it is far from its threshold
    log_threshold: float  # at which it would be declared alone
    phi: float

    @property
    def by(self) -> str:
        ks = self.drift.low > self.tolerance
        return "ks_window+e_sr" if ks and self.crossed else "ks_window" if ks else "e_sr"

    @property
    def bad(self) -> bool:
        return self.crossed or self.drift.low > self.tolerance

    def numbers(self) -> dict[str, float]:
        ahead = self.pane is not None and self.pane.estimate > self.drift.estimate
        shown = self.pane if self.pane is not None and ahead else self.drift
        numbers = {
            "at_least": max(self.drift.low, 0.0),
            "estimate": shown.estimate,
            "tolerance": self.tolerance,
            "evidence_ratio": min(max(self.log_evidence / self.log_threshold, 0.0), 1e6),
            "rows": float(shown.rows),
        }
        return {name: value for name, value in numbers.items() if math.isfinite(value)}


@dataclass(slots=True)
class Onset:
    """Of one distribution at one tolerance. ``since`` is what came since it last looked bad: a window that grows, so
    that a quiet model can be cleared, too (semantics 28). ``by`` and ``numbers`` are of the last pane that looked
    bad."""

    beyond: bool = False
    upheld: bool = False  # did the last pane look bad?
    by: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    healthy_panes: int = 0
    peak: float = -math.inf
    since: FeatureCounts = field(default_factory=FeatureCounts)

    def on_pane(self, found: Finding, counts: FeatureCounts, of: Distribution, clear_panes: int) -> bool:
        """Has this pane cleared it? Then its detector must be restarted."""
        if not self.beyond:
            self.upheld = found.bad
            if found.bad:
                self.beyond, self.peak = True, found.log_evidence
                self.by, self.numbers = found.by, found.numbers()
            return False
        if not counts.values:  # neither good nor bad
            return False
        self.since.add(counts)
        since = of.drift(self.since, found.phi)
        margin = _CLEAR * math.sqrt(found.phi / since.rows) if since.rows else math.inf
        # Evidence fades far slower than it grew, so it only counts as bad while it rises.
        rises = found.log_evidence > max(self.peak, 0.0)
        self.upheld = found.drift.low > found.tolerance or since.low > found.tolerance or rises
        if self.upheld:
            self.since, self.healthy_panes = FeatureCounts(), 0
            self.peak = max(self.peak, found.log_evidence)
            if found.bad:
                self.by, self.numbers = found.by, found.numbers()
        elif since.rows and since.sample_high + margin < found.tolerance + of.reference_margin:
            self.healthy_panes += 1
        else:
            self.healthy_panes = 0
        if self.healthy_panes < clear_panes:
            return False
        self.beyond, self.healthy_panes, self.peak, self.since = False, 0, -math.inf, FeatureCounts()
        return True

    def snapshot(self) -> dict[str, Any]:
        peak = self.peak if self.peak > -math.inf else None
        return {
            "beyond": self.beyond,
            "upheld": self.upheld,
            "by": self.by,
            "numbers": self.numbers,
            "healthy_panes": self.healthy_panes,
            "peak": peak,
            "since": self.since.to_wire(),
        }

    @classmethod
    def restore(cls, wire: dict[str, Any]) -> Onset:
        peak = -math.inf if wire["peak"] is None else wire["peak"]
        return cls(**{**wire, "peak": peak, "since": FeatureCounts.from_wire(wire["since"])})
