"""Versions that are gone on the timeline of predictions, until the timeline of labels is there, too.

predictions  ███████┊         ┊ gone    ███████┊
labels         ███████████████┊ · · · · ███████████
               its own        ┊ muted   ┊ of its second life

A version whose last prediction is ``forget_after`` ago is gone without being muted: what labels come then begin a
life without predictions. Of one that made room for others, labels up to that time count nowhere, or the room it
made would be taken again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tiltmeter.core.watch.version_watch import VersionWatch

#: (version, segment).
Name = tuple[str, str]


@dataclass(slots=True)
class Life:
    """``watch`` ended at ``at_ms`` (event time, the border of a pane); ``reason`` is told by its alerts."""

    at_ms: int
    reason: str
    watch: VersionWatch


@dataclass(slots=True)
class Departed:
    """Decided by prediction panes alone; label panes ask. A label pane is judged after all prediction panes that end
    with it or before (semantics 3), so what is asked about has been decided, however far labels are behind."""

    lives: dict[Name, list[Life]] = field(default_factory=dict)
    #: [from, to) in event time; disjoint, ascending, and outside every life.
    muted: dict[Name, list[tuple[int, int]]] = field(default_factory=dict)

    def leave(self, name: Name, life: Life) -> None:
        self.lives.setdefault(name, []).append(life)

    def mute(self, name: Name, from_ms: int, to_ms: int) -> None:
        self.muted.setdefault(name, []).append((from_ms, to_ms))

    def begin(self, name: Name, start_ms: int) -> None:
        """A prediction begins a life: labels count again."""
        if name in self.muted:
            kept = [(low, min(high, start_ms)) for low, high in self.muted[name]]
            self.muted[name] = [(low, high) for low, high in kept if low < high]

    def is_muted(self, name: Name, start_ms: int) -> bool:
        return any(low <= start_ms < high for low, high in self.muted.get(name, ()))

    def life_at(self, name: Name, start_ms: int) -> VersionWatch | None:
        """Whose label pane this is, unless it is the present life's."""
        return next((life.watch for life in self.lives.get(name, ()) if start_ms < life.at_ms), None)

    def due(self, complete_to_ms: int) -> Iterator[tuple[Name, Life]]:
        """Take out, by name, the lives that no label can belong to any more."""
        for name, lives in sorted(self.lives.items(), key=lambda item: item[0]):
            yield from ((name, life) for life in lives if life.at_ms <= complete_to_ms)
            self.lives[name] = [life for life in lives if life.at_ms > complete_to_ms]
        self.lives = {name: lives for name, lives in self.lives.items() if lives}
        kept = {n: [(a, b) for a, b in spans if b > complete_to_ms] for n, spans in self.muted.items()}
        self.muted = {name: spans for name, spans in kept.items() if spans}

    def snapshot(self) -> dict[str, Any]:
        """``leaving`` and, in the same order, ``gone``: when and why."""
        lives = [life for _, some in sorted(self.lives.items(), key=lambda item: item[0]) for life in some]
        return {
            "leaving": [life.watch.snapshot() for life in lives],
            "gone": [[life.at_ms, life.reason] for life in lives],
            "muted": [[*name, spans] for name, spans in sorted(self.muted.items())],
        }

    def restore(self, watches: list[VersionWatch], wire: Mapping[str, Any]) -> None:
        """``watches``: restored from ``leaving``."""
        for watch, (at_ms, why) in zip(watches, wire["gone"], strict=True):
            self.leave((watch.version, watch.segment), Life(at_ms, why, watch))
        for version, segment, spans in wire["muted"]:
            self.muted[version, segment] = [(low, high) for low, high in spans]


def in_the_way(versions: Mapping[Name, VersionWatch], most: int, start_ms: int, lately_ms: int) -> list[Name]:
    """Who makes room for one that begins with a prediction pane at ``start_ms``, so that at most ``most`` are
    watched: those silent longest, by name where that is equal; never one with a prediction in the
    ``lately_ms`` before."""
    if len(versions) < most:  # a shortcut: those that are gone or have labels only are not counted
        return []
    present = [
        (watch.last_prediction_pane, name)
        for name, watch in versions.items()
        if watch.last_prediction_pane is not None and watch.gone_at_ms > start_ms
    ]
    silent = sorted((last, name) for last, name in present if last + lately_ms <= start_ms)
    return [name for _, name in silent[: max(len(present) - most + 1, 0)]]
