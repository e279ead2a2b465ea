"""The port behind which a join partition keeps what it still waits for.

Rows live in *buckets* of event time, one family of buckets for predictions (``"p"``) and one for feedback that
came first (``"f"``). Expiry drops whole buckets. Values are opaque bytes here; ``join_rows.py`` gives them form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: ("p" | "f", bucket number)
Bucket = tuple[str, int]


@dataclass(slots=True)
class StoreWrite:
    """One atomic write. Applied in this order: drops, deletes, puts, meta."""

    drops: list[Bucket] = field(default_factory=list)
    deletes: dict[Bucket, Sequence[bytes]] = field(default_factory=dict)
    puts: dict[Bucket, tuple[Sequence[bytes], Sequence[bytes]]] = field(default_factory=dict)
    meta: Mapping[bytes, bytes | None] = field(default_factory=dict)  # None deletes the entry


class PendingStore(Protocol):
    """Six methods; one suite (``tests/unit/test_pending_store.py``) runs over every implementation."""

    def get_many(self, bucket: Bucket, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values by key, in order; None where absent. A bucket that does not exist answers all None."""

    def write(self, change: StoreWrite) -> None:
        """Apply all of ``change`` or nothing of it, also under SIGKILL. Idempotent."""

    def scan(self, bucket: Bucket) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value) of a bucket, ascending by key."""

    def buckets(self) -> list[Bucket]:
        """The buckets that hold at least one row, ascending."""

    def meta(self) -> dict[bytes, bytes]:
        """All meta entries."""

    def close(self) -> None:
        """Release files. Safe to call twice."""
