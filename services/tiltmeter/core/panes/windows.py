"""Sliding windows as rings of panes.

A window of L panes covers the event time ``[end - L × pane width, end)`` where ``end`` is the end of the newest
closed pane. Sums are integers, so adding the newest pane and subtracting the oldest is exact for ever. Windows
of more than :data:`SLOTS` panes keep coarser slots and slide by a slot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, Self, TypeVar

#: At most this many slots per window: what a window costs in memory does not grow with its length.
SLOTS = 60


class Additive(Protocol):
    """Something that can be added and taken out again."""

    def add(self, other: Self, sign: int = 1) -> None: ...

    def to_wire(self) -> dict[str, Any]: ...


A = TypeVar("A", bound=Additive)


class Window(Generic[A]):
    """``total`` is the sum over the window; ``empty`` makes a zero."""

    def __init__(self, panes: int, width_ms: int, empty: Callable[[], A]) -> None:
        if panes < 1:
            raise ValueError(f"a window needs at least one pane, not {panes}")
        per_slot = -(-panes // SLOTS)
        self._slot_ms = per_slot * width_ms
        self._slots_kept = -(-panes // per_slot)
        self._empty = empty
        self._slots: dict[int, A] = {}
        self.total = empty()

    def add(self, start_ms: int, amount: A) -> None:
        """Add one closed pane; panes come in order of time."""
        slot = start_ms // self._slot_ms
        self.slide(start_ms)
        if slot not in self._slots:
            self._slots[slot] = self._empty()
        self._slots[slot].add(amount)
        self.total.add(amount)

    def amend(self, start_ms: int, change: A) -> bool:
        """Change what a pane contributed, if its slot is still in the window."""
        slot = start_ms // self._slot_ms
        if slot not in self._slots:
            return False
        self._slots[slot].add(change)
        self.total.add(change)
        return True

    def slide(self, start_ms: int) -> None:
        """Let slots leave that are too old for a window whose newest pane starts at ``start_ms``."""
        oldest = start_ms // self._slot_ms - self._slots_kept + 1
        for slot in [s for s in self._slots if s < oldest]:
            self.total.add(self._slots.pop(slot), -1)

    def clear(self) -> None:
        self._slots.clear()
        self.total = self._empty()

    def snapshot(self) -> list[tuple[int, dict[str, Any]]]:
        """(start in event time, sum) of each slot."""
        return [(slot * self._slot_ms, amount.to_wire()) for slot, amount in sorted(self._slots.items())]

    def restore(self, wire: list[Any], read: Callable[[dict[str, Any]], A]) -> None:
        """Take up a snapshot, also one of a window of another length: what still belongs into this one is kept, a
        coarse slot where it began, and a longer window fills up with time."""
        self.clear()
        for start_ms, amount in wire:
            self.add(start_ms, read(amount))
