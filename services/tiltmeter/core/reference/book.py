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
        """In the order of the log: of two that take effect at the same time, the later one replaces the other, as it
        does in the compacted topic. Panes that were counted under the other still find it by its id."""
        self._by_id[profile.reference_id] = profile
        subject = (profile.model, profile.version, profile.segment)
        line = [
            p for p in self._by_subject.get(subject, []) if p.effective_from_ms != profile.effective_from_ms
        ]
        self._by_subject[subject] = sorted([*line, profile], key=lambda p: p.effective_from_ms)

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

    def changes_units(self, profile: ReferenceProfile) -> str | None:
        """Before it is added: would this reference become the first of its version, and count errors and labels in
        other units than have been counted so far? What is wrong and what to do, or None."""
        first = self.first(profile.model, profile.version)
        if first is None or profile.segment or profile.effective_from_ms > first.effective_from_ms:
            return None
        if first.performance is None or not first.performance.labelled:
            return None
        if profile.performance is not None and profile.performance.counts_like(first.performance):
            return None
        return (
            f"errors of {profile.model} {profile.version} have been counted in the units of {first.reference_id}, "
            "whose place this reference would take: build it with --like and the file of that one, or give it a "
            "later --effective-from"
        )

    def incomparable(self, profile: ReferenceProfile) -> str | None:
        """Why performance cannot be compared with this reference of the book, and what to do; None if it can, or if
        it says nothing of performance."""
        if profile.performance is None or not profile.performance.labelled:
            return None
        subject = f"{profile.model} {profile.version}"
        first = self.first(profile.model, profile.version)
        if first is None and profile.performance.task == "regression":
            return f"errors of {subject} have no unit: publish a reference of all its rows first, or with this one"
        if not profile.performance.comparable_with(first.performance if first else None):
            return (
                f"errors of {subject} are counted in the units of its first reference, "
                f"{first.reference_id if first else ''}: build this one with --like and the file of that one"
            )
        return None

    def by_id(self, reference_id: str) -> ReferenceProfile | None:
        return self._by_id.get(reference_id)

    def __iter__(self) -> Iterator[ReferenceProfile]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)
