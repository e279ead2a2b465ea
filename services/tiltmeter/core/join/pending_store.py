"""The port behind which a join partition keeps what it still waits for.

Rows live in *buckets* of event time, one family of buckets for predictions (``"p"``) and one for feedback
that came first (``"f"``). Expiry drops whole buckets. Values are opaque bytes here; ``join_rows.py`` gives
them form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: ("p" | "f", bucket number)
Bucket = tuple[str, int]


class StoreError(Exception):
    """The store failed, and so must its worker. The message ends with what the operator does."""


@dataclass(slots=True)
class StoreWrite:
    """One atomic write, in this order: drops, deletes, puts, meta. Of equal keys the last value stays."""

    drops: list[Bucket] = field(default_factory=list)
    deletes: dict[Bucket, Sequence[bytes]] = field(default_factory=dict)
    puts: dict[Bucket, tuple[Sequence[bytes], Sequence[bytes]]] = field(default_factory=dict)
    meta: Mapping[bytes, bytes | None] = field(default_factory=dict)  # None deletes the entry


class PendingStore(Protocol):
    """Six methods; one suite (``tests/unit/test_pending_store.py``) runs over every implementation.

    Each may raise :class:`StoreError`; after one that ``write`` raised, nothing more can be written.
    """

    def get_many(self, bucket: Bucket, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values by key, in order; None where absent. A bucket that does not exist answers all None."""

    def write(self, change: StoreWrite) -> None:
        """Apply all of ``change`` or nothing of it, also under SIGKILL. Idempotent.

        Deleting what is absent is fine. Unequal numbers of keys and values raise ``ValueError`` and change
        nothing.
        """

    def scan(self, bucket: Bucket) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value) of a bucket, ascending by key. A write meanwhile may or may not be seen."""

    def buckets(self) -> list[Bucket]:
        """The buckets that hold at least one row, ascending."""

    def meta(self) -> dict[bytes, bytes]:
        """All meta entries."""

    def close(self) -> None:
        """Release files. Safe to call twice."""
