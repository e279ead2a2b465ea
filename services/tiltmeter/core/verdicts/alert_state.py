"""From a detector's word per pane to alerts: one state machine for every kind of detector.

    quiet ──alarm──▶ firing ──healthy for `clear_panes` panes──▶ quiet

All times are event times and every field follows from the panes, so a restart or a replay publishes the same
alert with the same id.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from tiltmeter.core.panes.key import PaneKey


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about. Its fingerprint is the same for all alerts about the same thing."""

    kind: str  # feature_drift | prediction_drift | performance | adwin | ...
    name: str  # feature, metric or signal
    severity: str  # info | warning | critical
    detector: str
    guarantee: str  # what a reader may rely on, in one sentence

    def fingerprint(self, key: PaneKey) -> str:
        return digest(key.model, key.version, key.segment, self.kind, self.name, self.severity, self.detector)


@dataclass(slots=True)
class Word:
    """What a detector says after a pane: ``alarm`` starts an alert, ``healthy`` panes end it."""

    alarm: bool
    healthy: bool
    evidence: dict[str, float] = field(default_factory=dict)
    summary: str = ""
    subjects: list[dict[str, Any]] = field(
        default_factory=list
    )  # of an alert about several things: each of them


@dataclass(slots=True)
class AlertState:
    """State of one subject in one (model, version, segment)."""

    clear_panes: int
    firing: bool = False
    healthy_panes: int = 0
    first_ms: int = 0
    last_ms: int = 0
    evidence: dict[str, float] = field(default_factory=dict)
    summary: str = ""
    fired: int = 0
    subject: Subject | None = None  # what fired last
    subjects: list[dict[str, Any]] = field(default_factory=list)

    def on_pane(self, subject: Subject, key: PaneKey, word: Word) -> dict[str, Any] | None:
        """The alert to publish after this pane, if the state changed."""
        evidence = {name: value for name, value in word.evidence.items() if math.isfinite(value)}
        if word.alarm and not self.firing:
            self.firing, self.first_ms, self.healthy_panes = True, key.end_ms, 0
            self.fired += 1
            self.subject = subject
            self._uphold(key, evidence, word)
            return self._alert(subject, key, "firing")
        if not self.firing:
            return None
        if word.alarm or not word.healthy:
            self.healthy_panes = 0
            if word.alarm:
                self._uphold(key, evidence, word)
            return None
        self.healthy_panes += 1
        if self.healthy_panes < self.clear_panes:
            return None
        self.firing, self.healthy_panes = False, 0
        self.evidence = evidence
        return self._alert(subject, key, "resolved")

    def _uphold(self, key: PaneKey, evidence: dict[str, float], word: Word) -> None:
        self.last_ms, self.evidence = key.end_ms, evidence
        self.summary, self.subjects = word.summary, word.subjects

    def withdraw(self, key: PaneKey, reason: str) -> dict[str, Any] | None:
        """End a firing alert whose question is no longer asked; the alert to publish, if it was firing."""
        if not self.firing or self.subject is None:
            return None
        self.firing, self.healthy_panes, self.summary = False, 0, reason
        return self._alert(self.subject, key, "resolved")

    def _alert(self, subject: Subject, key: PaneKey, transition: str) -> dict[str, Any]:
        fingerprint = subject.fingerprint(key)
        return {
            "id": digest(fingerprint, str(key.start_ms), transition),
            "fingerprint": fingerprint,
            "transition": transition,
            "kind": subject.kind,
            "subject": subject.name,
            "severity": subject.severity,
            "detector": subject.detector,
            "guarantee": subject.guarantee,
            "model": key.model,
            "version": key.version,
            "segment": key.segment,
            "pane_start": key.start_ms,
            "pane_end": key.end_ms,
            "first_at": self.first_ms,
            "last_at": self.last_ms,
            "resolved_at": key.end_ms if transition == "resolved" else None,
            "evidence": self.evidence,
            "summary": self.summary,
            **({"subjects": self.subjects} if self.subjects else {}),
        }

    def snapshot(self) -> dict[str, Any]:
        return asdict(self)

    def restore(self, wire: dict[str, Any]) -> AlertState:
        """Take up a snapshot; returns itself. How long to wait for health is the policy's business and stays."""
        for name, value in wire.items():
            if name != "clear_panes":
                setattr(self, name, value)
        self.subject = Subject(**wire["subject"]) if wire["subject"] else None
        return self


def withdraw_all(alerts: Iterable[ActiveAlert], key: PaneKey, reason: str) -> list[dict[str, Any]]:
    """The alerts to publish when none of these questions is asked any more."""
    ended = (alert.state.withdraw(key, reason) for alert in alerts)
    return [alert for alert in ended if alert is not None]


class ActiveAlert(NamedTuple):
    """An alert that exists, firing or not; ``names`` are kind, subject, severity."""

    names: tuple[str, str, str]
    firing: bool
    state: AlertState


def digest(*parts: str) -> str:
    """32 hex digits over the parts, as a JSON array: names may hold any character, so no separator is safe."""
    return blake2b(orjson.dumps(parts), digest_size=16).hexdigest()
