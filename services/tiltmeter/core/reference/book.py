"""Which reference a pane is compared with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from tiltmeter.core.reference.profile import ReferenceProfile


class ReferenceBook:
    """References by (model, version, segment), each in force from its ``effective_from_ms`` (semantics 24)."""

    def __init__(self, profiles: Iterable[ReferenceProfile] = ()) -> None:
        self._by_subject: dict[tuple[str, str, str], list[ReferenceProfile]] = {}
        self._by_id: dict[str, ReferenceProfile] = {}
        for profile in profiles:
            self.add(profile)

    def add(self, profile: ReferenceProfile) -> None:
        """Idempotent: the same reference twice is one reference."""
        if profile.reference_id in self._by_id:
            return
        self._by_id[profile.reference_id] = profile
        line = self._by_subject.setdefault((profile.model, profile.version, profile.segment), [])
        line.append(profile)
        line.sort(key=lambda p: (p.effective_from_ms, p.reference_id))

    def at(self, model: str, version: str, start_ms: int, segment: str = "") -> ReferenceProfile | None:
        """The reference in force for a pane that starts then; None before the first. A segment has references of its
        own or none: it differs from the whole in good times, too."""
        line = self._by_subject.get((model, version, segment), [])
        i = bisect_right([profile.effective_from_ms for profile in line], start_ms)
        return line[i - 1] if i else None

    def first(self, model: str, version: str) -> ReferenceProfile | None:
        """The version's earliest reference: its task, unit and cap hold for all outcomes of the version and its
        segments, because sums in different units cannot be added."""
        line = self._by_subject.get((model, version, ""), [])
        return line[0] if line else None

    def by_id(self, reference_id: str) -> ReferenceProfile | None:
        return self._by_id.get(reference_id)

    def __iter__(self) -> Iterator[ReferenceProfile]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)
