"""The pending store of a worker: one RocksDB database per join partition, one column family per bucket.

Three kinds of column family::

    default     the catalog: bucket → the column family that holds its rows
    meta        the meta entries
    p12.7       rows of bucket ("p", 12); 7 tells it from earlier families of the same bucket

A bucket exists if the catalog names it. RocksDB cannot create or drop a family inside an atomic write, so the
commit order of :meth:`RocksStore.write` is

1. create a family for each bucket that lacks one, not in the catalog yet;
2. one WriteBatch: catalog, deletes, puts, meta;
3. drop the families that left the catalog.

A crash between 1 and 2 or between 2 and 3 leaves a family that no catalog entry names; opening drops it.

What lasts: a batch is in the operating system's hands when ``write`` returns, so SIGKILL loses nothing. Power
loss may take the newest batches, never a part of one; the changelog has them. ``sync=True`` closes that gap
for the price of one fsync per batch.

Errors: :class:`~tiltmeter.core.join.pending_store.StoreError`, and two kinds of it::

    StoreError
    ├── StoreInUseError     somebody else has the folder open
    └── StoreDamagedError   the files cannot be trusted; they can be deleted, the changelog rebuilds them
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple, cast

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DataBlockIndexType,
    DbClosedError,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from tiltmeter.core.join.pending_store import Bucket, StoreError, StoreWrite

CATALOG, META = "default", "meta"
SCAN_PAGE_ROWS = 4096

#: Blocks read from disk. Small: a pending row is read about once, and the page cache stands behind it.
BLOCK_CACHE_BYTES = 32 << 20
#: One bucket's memtable; what all buckets of the partition hold together; the log replayed at reopening.
MEMTABLE_BYTES, ALL_MEMTABLES_BYTES, WAL_BYTES = 16 << 20, 64 << 20, 128 << 20

#: The environment's fault, not the files': deleting the folder would not help.
_ENVIRONMENT = ("No space left", "Permission denied", "Read-only file system", "Too many open files")


class StoreInUseError(StoreError):
    """The folder is open elsewhere. The lock belongs to a process and dies with it: it is never stale."""


class StoreDamagedError(StoreError):
    """The files are incomplete or fail their checksums."""


class _Family(NamedTuple):
    name: str
    rows: Rdict


class RocksStore:
    """A :class:`~tiltmeter.core.join.pending_store.PendingStore` in ``path``, created if it is missing."""

    def __init__(self, path: Path, *, sync: bool = False) -> None:
        self._path = path
        self._options = _options()
        self._write_options = WriteOptions()
        self._write_options.sync = sync
        with _said_to_the_operator(path):
            path.mkdir(parents=True, exist_ok=True)
            self._db = Rdict(str(path), self._options, dict.fromkeys(_names(path), self._options))
            self._meta = self._db.get_column_family(META)
            self._families = {_bucket(key): self._family(name.decode()) for key, name in _pairs(self._db)}
            self._drop_orphans()
        self._generation = count(1 + max((_generation(f.name) for f in self._families.values()), default=0))

    def get_many(self, bucket: Bucket, keys: Sequence[bytes]) -> list[bytes | None]:
        family = self._families.get(bucket)
        if family is None:
            return [None] * len(keys)
        with _said_to_the_operator(self._path):
            return cast(list[bytes | None], family.rows.get(list(keys)))

    def write(self, change: StoreWrite) -> None:
        """Commit order: see the module's docstring."""
        with _said_to_the_operator(self._path):
            after = {b: family for b, family in self._families.items() if b not in change.drops}
            created = {b: self._create(b) for b, (keys, _) in change.puts.items() if keys and b not in after}
            after |= created
            self._db.write(self._batch(change, after, created), self._write_options)
            dropped = [family for b, family in self._families.items() if after.get(b) is not family]
            self._families = after
            for family in dropped:
                self._db.drop_column_family(family.name)

    def scan(self, bucket: Bucket) -> Iterator[tuple[bytes, bytes]]:
        # In pages: a RocksDB iterator left half-read would keep the database open and locked after close().
        start = b""
        while (family := self._families.get(bucket)) is not None:
            with _said_to_the_operator(self._path):
                page = list(islice(_pairs(family.rows, start), SCAN_PAGE_ROWS))
            yield from page
            if len(page) < SCAN_PAGE_ROWS:
                return
            start = page[-1][0] + b"\0"

    def buckets(self) -> list[Bucket]:
        """Looks for one row in each bucket. Exact, where RocksDB's own estimate of the number of keys is not.

        It steps over deleted rows that no compaction has removed yet: about 0.25 s for a million of them.
        """
        with _said_to_the_operator(self._path):
            return sorted(
                b for b, family in self._families.items() if next(_pairs(family.rows), None) is not None
            )

    def meta(self) -> dict[bytes, bytes]:
        with _said_to_the_operator(self._path):
            return dict(_pairs(self._meta))

    def close(self) -> None:
        # The lock goes with the last handle, so every one is closed. A flush that fails here (a full disk)
        # costs nothing: the log replays what it did not write.
        for opened in [*(family.rows for family in self._families.values()), self._meta, self._db]:
            with suppress(Exception):
                opened.close()

    def _batch(
        self, change: StoreWrite, after: dict[Bucket, _Family], created: dict[Bucket, _Family]
    ) -> WriteBatch:
        # Handles are asked for anew each time: one that is kept would keep the database locked after close().
        handle_of = self._db.get_column_family_handle
        batch = WriteBatch(raw_mode=True)
        for bucket in change.drops:
            batch.delete(_key(bucket))
        for bucket, family in created.items():
            batch.put(_key(bucket), family.name.encode())
        for bucket, keys in change.deletes.items():
            if bucket in after:
                handle = handle_of(after[bucket].name)
                for key in keys:
                    batch.delete(key, handle)
        for bucket, (keys, values) in change.puts.items():
            target = handle_of(after[bucket].name) if bucket in after else None  # None: nothing to put
            for key, value in zip(keys, values, strict=True):
                batch.put(key, value, target)
        meta = handle_of(META)
        for name, entry in change.meta.items():
            if entry is None:
                batch.delete(name, meta)
            else:
                batch.put(name, entry, meta)
        return batch

    def _create(self, bucket: Bucket) -> _Family:
        kind, number = bucket
        name = f"{kind}{number}.{next(self._generation)}"
        self._db.create_column_family(name, self._options)
        return self._family(name)

    def _family(self, name: str) -> _Family:
        return _Family(name, self._db.get_column_family(name))

    def _drop_orphans(self) -> None:
        named = {CATALOG, META, *(family.name for family in self._families.values())}
        for name in _names(self._path):
            if name not in named:
                self._db.drop_column_family(name)


def _options() -> Options:
    """The same for every family: small rows, random keys, each written once and read about once."""
    table = BlockBasedOptions()
    table.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    # Most lookups miss (feedback asks every bucket), and a filter answers them without touching a block.
    # Filters stay in memory, 1.25 bytes a row: in the block cache they would push each other out.
    table.set_bloom_filter(10, block_based=False)
    table.set_data_block_index_type(DataBlockIndexType.binary_and_hash())
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(MEMTABLE_BYTES)
    options.set_db_write_buffer_size(ALL_MEMTABLES_BYTES)
    options.set_max_total_wal_size(WAL_BYTES)
    # A filter over the memtable too: without it a miss costs twice as much while rows are new.
    options.set_memtable_whole_key_filtering(True)
    options.set_memtable_prefix_bloom_ratio(0.02)
    # Rows that found their label leave runs of deletions behind: files that are half deletions are compacted.
    options.add_compact_on_deletion_collector_factory(1024, 512, 0.5)
    # A torn tail ends the log: what comes before it is a state that existed.
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    options.set_max_background_jobs(2)
    # RocksDB's own log files: two, of a megabyte, without the ten-minute statistics.
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1 << 20)
    options.set_stats_dump_period_sec(0)
    return options


def _pairs(rows: Rdict, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
    # Not `rows.items()`: it takes a block that fails its checksum for the end of the rows. `status` tells.
    cursor = rows.iter()
    cursor.seek(start)
    while cursor.valid():
        yield cursor.key(), cursor.value()
        cursor.next()
    cursor.status()


def _names(path: Path) -> list[str]:
    """The column families on disk, or those a new database starts with."""
    found = Rdict.list_cf(str(path)) if (path / "CURRENT").exists() else []
    return [*found, *(name for name in (CATALOG, META) if name not in found)]


def _key(bucket: Bucket) -> bytes:
    kind, number = bucket
    return f"{kind}{number}".encode()


def _bucket(key: bytes) -> Bucket:
    text = key.decode()
    return text[0], int(text[1:])


def _generation(name: str) -> int:
    return int(name.rpartition(".")[2])


@contextmanager
def _said_to_the_operator(path: Path) -> Iterator[None]:
    """RocksDB's failures in our words: rocksdict raises bare ``Exception``, told apart by its text alone."""
    try:
        yield
    except DbClosedError as error:
        raise StoreError(f"{path} is closed. This is a bug: report it.") from error
    except OSError as error:  # from making the folder
        raise _volume_error(path, str(error)) from error
    except Exception as error:
        if type(error) is Exception:
            raise _in_our_words(path, str(error)) from error
        raise


def _volume_error(path: Path, reason: str) -> StoreError:
    return StoreError(
        f"{path} cannot be read or written ({reason}). "
        "Operator action: repair the volume and restart; nothing is lost."
    )


def _in_our_words(path: Path, reason: str) -> StoreError:
    if "LOCK" in reason and ("unavailable" in reason or "hold by current process" in reason):
        return StoreInUseError(
            f"{path} is open in another process or twice in this one ({reason}). "
            "Operator action: give every worker a data folder of its own, or stop the other worker."
        )
    if any(fault in reason for fault in _ENVIRONMENT):
        return _volume_error(path, reason)
    return StoreDamagedError(
        f"{path} is damaged ({reason}). "
        "Operator action: delete the folder and restart; state is rebuilt from the changelog."
    )
