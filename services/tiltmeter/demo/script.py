"""The demo's story: good times, one feature drifts, then the model breaks; and whether each was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tiltmeter.demo.fleet import DRIFTING, World

#: Without a duration the story takes so long, and the good times after it never end.
USUAL_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Fault:
    """``at`` is its moment as a share of the duration."""

    at: float
    told: str
    kind: str
    subject: str


DRIFT = Fault(
    1 / 3,
    f"customers buy differently: {DRIFTING} shifts by one standard deviation",
    "feature_drift",
    DRIFTING,
)
BROKEN = Fault(
    2 / 3, "the model breaks: 30 % of its answers are wrong instead of 6 %", "performance", "error_rate"
)
FAULTS = (DRIFT, BROKEN)


def strike(fault: Fault, world: World) -> None:
    """Make it happen."""
    if fault is DRIFT:
        world.basket_shift = 1.0
    else:
        world.broken = True


@dataclass(slots=True)
class Judge:
    """Hears every alert. ``seconds_to_detect`` is from a fault to the first alert with the right subject."""

    struck: dict[Fault, float] = field(default_factory=dict)
    seconds_to_detect: dict[Fault, float] = field(default_factory=dict)
    false_alarms: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, alert: dict[str, Any], now: float) -> None:
        """A firing alert that no struck fault explains is a false alarm."""
        if alert["transition"] != "firing":
            return
        about = {alert["subject"], *(subject["name"] for subject in alert.get("subjects", ()))}
        together = alert["kind"] == "drift_and_performance" and len(self.struck) == len(FAULTS)
        beyond = DRIFT if alert["kind"] == "outliers" else None  # what has drifted lies farther out
        explained = [f for f in self.struck if f.subject in about or together or f is beyond]
        for fault in explained:
            if alert["kind"] == fault.kind:
                self.seconds_to_detect.setdefault(fault, now - self.struck[fault])
        if not explained:
            self.false_alarms.append(alert)

    def verdict(self, faults: Sequence[Fault] = FAULTS) -> list[str]:
        """What went wrong; empty if both faults were detected and nothing fired without a cause."""
        missed = [f"not detected: {fault.told}" for fault in faults if fault not in self.seconds_to_detect]
        false = [
            f"fired without a cause: {a['kind']} {a['subject']} ({a['summary']})" for a in self.false_alarms
        ]
        return missed + false
