"""The draft of a decision: reads state and store, writes only to itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS, Decision, JoinGroup
from tiltmeter.core.join.labelling import Labelling
from tiltmeter.core.join.pending_store import Bucket, PendingStore
from tiltmeter.core.join.state import JoinState, counter
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.pane import LABEL_PANE, PREDICTION_PANE
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.events.columns import Int64

#: Versions that one partition tells apart, and the name of all others.
MOST_GROUPS, OTHER_NAMES = 1_000, "__other__"
#: With their segments. Beyond, labels of new versions count in the whole alone.
MOST_SEGMENT_GROUPS = 5_000


def merged(counts: dict[int, int], change: dict[int, int]) -> dict[int, int]:
    """Counts by group after a change."""
    return {group: counts.get(group, 0) + change.get(group, 0) for group in {**counts, **change}}


class Draft:
    """One micro-batch of one side being decided. ``state`` and ``store`` are read, never written."""

    def __init__(
        self,
        state: JoinState,
        store: PendingStore,
        policy: JoinPolicy,
        references: ReferenceBook,
        decision: Decision,
    ) -> None:
        self.store = store
        self.policy = policy
        self.decision = decision
        #: Offsets of records that carry another event under an id that is taken, ascending.
        self.conflicting: list[int] = []
        self._state = state
        self._references = references
        self._groups = list(state.groups)
        self._group_index = {names: i for i, names in enumerate(self._groups)}
        self._versions = {names[:2] for names in self._groups}
        closed_ms = state.watermark_ms(LABEL_PANE) - policy.delay_ms
        self.labelling = Labelling(self._groups, policy, references, closed_ms)

    def watermarks(self, side: str, event_ms: Int64) -> tuple[Int64, Int64]:
        """Per record: the side's watermark with this record included, (without lifts, with lifts)."""
        start = self._state.sides[side]
        natural = np.maximum(np.maximum.accumulate(event_ms), start.natural_ms) if event_ms.size else event_ms
        return natural, np.maximum(natural, start.lift_ms)

    def group(self, names: JoinGroup) -> int:
        """The partition's number for this version and its segments; a new one is part of the decision. Beyond
        MOST_GROUPS all new versions are one: names come from the stream, and state must not grow with them."""
        if names not in self._group_index and len(self._groups) >= MOST_SEGMENT_GROUPS:
            names = names[:2]
        if names[:2] not in self._versions and len(self._versions) >= MOST_GROUPS:
            names = (OTHER_NAMES, OTHER_NAMES)
        if names not in self._group_index:
            self._versions.add(names[:2])
            self._group_index[names] = len(self._groups)
            self._groups.append(names)
            self.decision.new_groups.append(names)
        return self._group_index[names]

    def names(self, group: int) -> tuple[str, str]:
        """(model, version) of a number."""
        return self._groups[group][0], self._groups[group][1]

    def reference(self, key: PaneKey) -> ReferenceProfile | None:
        """The reference of a pane: the one it was opened with, else the one in force at its start."""
        opened = self._state.open.get((PREDICTION_PANE, key))
        if isinstance(opened, PredictionPane):
            return self._references.by_id(opened.reference_id) if opened.reference_id else None
        return self._references.at(key.model, key.version, key.start_ms, key.segment)

    def near(self, family: str, bucket: int, reach: int) -> list[Bucket]:
        """Existing buckets at most ``reach`` away, oldest first."""
        return sorted(b for b in self._state.waiting if b[0] == family and abs(b[1] - bucket) <= reach)

    def count(self, name: str, amount: int) -> None:
        self.decision.counters[name] = self.decision.counters.get(name, 0) + amount

    def count_duplicates(self, model: str, version: str, same: int, different: int) -> None:
        if same:
            self.count(counter("duplicate_predictions", model, version), same)
        if different:
            self.count(counter("conflicting_predictions", model, version), different)

    def put(self, bucket: Bucket, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        old_keys, old_values = self.decision.puts.get(bucket, ((), ()))
        self.decision.puts[bucket] = ([*old_keys, *keys], [*old_values, *values])

    def delete(self, bucket: Bucket, keys: Sequence[bytes]) -> None:
        self.decision.deletes[bucket] = [*self.decision.deletes.get(bucket, ()), *keys]

    def wait(self, bucket: Bucket, groups: Int64, sign: int) -> None:
        """So many rows of each group begin (+1) or stop (-1) waiting in the bucket.

        A bucket whose rows all found their other half still exists: the book keeps it at zero.
        """
        book = self.decision.waiting.setdefault(bucket, {})
        counts = np.bincount(groups)
        for group in np.flatnonzero(counts).tolist():
            book[group] = book.get(group, 0) + sign * int(counts[group])

    def finish(self, natural_ms: int | None) -> Decision:
        """Watermark after the batch, label panes, and the buckets that nothing can reach any more."""
        decision, side = self.decision, self._state.sides[self.decision.side]
        decision.natural_ms = side.natural_ms if natural_ms is None else natural_ms
        decision.panes.extend(self.labelling.panes[key] for key in sorted(self.labelling.panes))
        after = max(decision.natural_ms, side.lift_ms, decision.lift_ms or side.lift_ms)
        marks = {name: s.watermark_ms for name, s in self._state.sides.items()}
        marks[decision.side] = after
        width, reach = self.policy.bucket_ms, self.policy.reach
        for bucket, by_group in self._waiting_after().items():
            family, number = bucket
            other = marks[FEEDBACK] if family == "p" else marks[PREDICTIONS]
            own_gone = family == "f" or min(marks.values()) // width > number + 1
            if other // width > number + reach and own_gone:
                decision.drops.append(bucket)
                for book in (decision.puts, decision.deletes, decision.waiting):
                    book.pop(bucket, None)
                self._count_expired(family, by_group)
        decision.confirmed = {kind: self._state.confirmed[kind] for kind in (PREDICTION_PANE, LABEL_PANE)}
        return decision

    def _waiting_after(self) -> dict[Bucket, dict[int, int]]:
        after = dict(self._state.waiting)
        for bucket, change in self.decision.waiting.items():
            after[bucket] = merged(after.get(bucket, {}), change)
        return after

    def _count_expired(self, family: str, by_group: dict[int, int]) -> None:
        for group, n in by_group.items():
            if n and family == "p":
                self.count(counter("expired", *self.names(group)), n)
            elif n:
                self.count(counter("orphaned"), n)
