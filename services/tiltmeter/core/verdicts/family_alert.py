"""One alert for all distributions of a family: a cause that moves fourteen features is told once, with all names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.verdicts.alert_state import ActiveAlert, AlertState, Subject, Word

#: Names in a summary, and members with their numbers in an event.
NAMED, LISTED = 10, 50


@dataclass(frozen=True, slots=True)
class Member:
    """A distribution that is beyond a tolerance now. ``level`` 1: drifted, 2: largely drifted. Until its
    over-dispersion is ``learned`` it may inform, but not warn (semantics 24)."""

    name: str
    level: int
    learned: bool
    upheld: bool  # did the last pane look bad?
    by: str
    numbers: Mapping[str, float]

    @property
    def strength(self) -> float:
        at_least = self.numbers.get("at_least", 0.0) / self.numbers.get("tolerance", 1.0)
        return max(at_least, self.numbers.get("evidence_ratio", 0.0))

    def to_wire(self) -> dict[str, Any]:
        state = "largely_drifted" if self.level > 1 else "drifted"
        return {"name": self.name[:256] or "(unnamed)", "state": state, "decided_by": self.by, **self.numbers}


class FamilyAlert:
    """Information while any member has drifted; a warning while ``several`` have, or one largely. What begins as a
    warning is not told as information, too; what becomes one is."""

    def __init__(
        self, kind: str, subject: str, guarantee: str, of: int, several: int, called: str = ""
    ) -> None:
        """``of``: members the family has. ``called``: the only one, in a sentence; else its name."""
        self._kind, self._subject, self._guarantee, self._called = kind, subject, guarantee, called
        self._of, self._several = of, several
        # One pane: the members have each waited until they were clear.
        self._states = {severity: AlertState(clear_panes=1) for severity in ("warning", "info")}

    def on_pane(self, key: PaneKey, members: list[Member]) -> list[dict[str, Any]]:
        """``members`` are all that are beyond a tolerance after this pane. Returns alerts to publish."""
        known = [m for m in members if m.learned]
        warning = len(known) >= self._several or any(m.level > 1 for m in known)
        told = [
            self._tell("warning", warning, not warning, key, members),
            self._tell(
                "info",
                bool(members) and (self._states["info"].firing or not self._states["warning"].firing),
                not members,
                key,
                members,
            ),
        ]
        return [alert for alert in told if alert is not None]

    def _tell(
        self, severity: str, alarm: bool, healthy: bool, key: PaneKey, members: list[Member]
    ) -> dict[str, Any] | None:
        state = self._states[severity]
        if not alarm and not state.firing:
            return None
        alarm = alarm and (not state.firing or any(m.upheld for m in members))
        ranked = sorted(members, key=lambda m: (-m.level, -m.strength, m.name))
        # What was named stays named until the alert ends, with what was last known of it.
        before = {} if not state.firing else {s["name"]: s for s in state.subjects}
        now = [m.to_wire() for m in ranked]
        present = {s["name"] for s in now}
        gone = [s for name, s in before.items() if name not in present]
        largely = sum(m.level > 1 for m in ranked)
        counts = {"drifted": float(len(ranked)), "largely_drifted": float(largely), "of": float(self._of)}
        evidence = {**(ranked[0].numbers if ranked else {}), **(counts if self._of > 1 else {})}
        word = Word(alarm, healthy, evidence, self._summary(ranked), [*now, *gone][:LISTED])
        subject = Subject(self._kind, self._subject, severity, "ks_window+e_sr", self._guarantee)
        return state.on_pane(subject, key, word)

    def _summary(self, ranked: list[Member]) -> str:
        if not ranked:
            return ""
        worst = ranked[0]
        far = worst.numbers.get("estimate")
        shown = f"KS distance about {far:.3f}" if far is not None else "KS distance unknown"
        shown += f", proved beyond {worst.numbers['tolerance']:g} by {worst.by.replace('+', ' and ')}"
        if len(ranked) == 1:
            return f"{self._called or worst.name + ' has'} drifted: {shown}"
        names = ", ".join(m.name for m in ranked[:NAMED]) + (", ..." if len(ranked) > NAMED else "")
        return f"{len(ranked)} of {self._of} features have drifted: {names}; {worst.name} most: {shown}"

    def alerts(self) -> Iterator[ActiveAlert]:
        for severity, state in self._states.items():
            yield ActiveAlert((self._kind, self._subject, severity), state.firing, state)

    def snapshot(self) -> dict[str, Any]:
        return {severity: state.snapshot() for severity, state in self._states.items()}

    def restore(self, wire: dict[str, Any]) -> None:
        for severity, state in self._states.items():
            state.restore(wire[severity])
