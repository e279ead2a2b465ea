"""The pending store that forgets: backtest, demo and tests keep a join partition in plain dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tiltmeter.core.join.pending_store import Bucket, StoreWrite


class MemoryStore:
    """A :class:`~tiltmeter.core.join.pending_store.PendingStore` without files; it lives as long as the object."""

    def __init__(self) -> None:
        self._rows: dict[Bucket, dict[bytes, bytes]] = {}
        self._meta: dict[bytes, bytes] = {}

    def get_many(self, bucket: Bucket, keys: Sequence[bytes]) -> list[bytes | None]:
        rows = self._rows.get(bucket, {})
        return [rows.get(key) for key in keys]

    def write(self, change: StoreWrite) -> None:
        # Paired before anything moves: a change refused for its shape must leave nothing behind.
        puts = {
            bucket: dict(zip(keys, values, strict=True)) for bucket, (keys, values) in change.puts.items()
        }
        for bucket in change.drops:
            self._rows.pop(bucket, None)
        for bucket, keys in change.deletes.items():
            rows = self._rows.get(bucket, {})
            for key in keys:
                rows.pop(key, None)
        for bucket, put in puts.items():
            self._rows.setdefault(bucket, {}).update(put)
        for name, entry in change.meta.items():
            if entry is None:
                self._meta.pop(name, None)
            else:
                self._meta[name] = entry

    def scan(self, bucket: Bucket) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(self._rows.get(bucket, {}).items()))

    def buckets(self) -> list[Bucket]:
        return sorted(bucket for bucket, rows in self._rows.items() if rows)

    def meta(self) -> dict[bytes, bytes]:
        return dict(self._meta)

    def close(self) -> None:
        """Nothing to release."""
