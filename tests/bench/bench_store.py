"""What the store on disk costs. Run: ``.venv/bin/python tests/bench/bench_store.py`` (a minute, 1 GB of disk).

Four buckets of a million rows, 16-byte random keys, 80-byte values of which half compresses. A figure per key is
the median over batches of 4096 keys, with the 90th percentile behind it, then the CPU time of this thread alone:
the two part when the machine is busy or compaction takes the other core.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tiltmeter.core.join.pending_store import Bucket, StoreWrite
from tiltmeter.processor.rocksdb_store import RocksStore

ROWS, BATCH = 1_000_000, 4096
BUCKETS: list[Bucket] = [("p", number) for number in range(4)]


def main() -> None:
    print(f"{os.cpu_count()} cores, {len(BUCKETS)} buckets of {ROWS:,} rows, batches of {BATCH}")
    with TemporaryDirectory() as folder:
        measure(Path(folder) / "store")
        measure_sync(Path(folder) / "sync")


def measure(path: Path) -> None:
    chance = random.Random(1)
    keys = {bucket: [chance.randbytes(16) for _ in range(ROWS)] for bucket in BUCKETS}
    values = [chance.randbytes(40) + bytes(40) for _ in range(BATCH)]
    store = RocksStore(path)

    def fill(number: int, bucket: Bucket, batch: list[bytes]) -> None:
        offset = b"%d" % number
        store.write(StoreWrite(puts={bucket: (batch, values[: len(batch)])}, meta={b"offset": offset}))

    per_key("put", [(fill, number, b, batch) for b in BUCKETS for number, batch in batches(keys[b])])
    lookups("just written", store, keys)
    with timed("close, which flushes"):
        store.close()
    with timed("reopen"):
        store = RocksStore(path)
    lookups("reopened", store, keys)
    disk = sum(file.stat().st_size for file in path.iterdir())
    print(f"{'disk':44}{disk / ROWS / len(BUCKETS):8.1f} bytes/row")
    with timed("scan of a million rows"):
        assert sum(1 for _ in store.scan(BUCKETS[0])) == ROWS
    with timed("list the buckets"):
        assert store.buckets() == BUCKETS

    def delete(bucket: Bucket, batch: list[bytes]) -> None:
        store.write(StoreWrite(deletes={bucket: batch}))

    per_key("delete", [(delete, BUCKETS[0], batch) for _, batch in batches(keys[BUCKETS[0]])])
    with timed("list the buckets after a million deletes"):
        assert store.buckets() == BUCKETS[1:]
    with timed("a write that opens a bucket"):
        store.write(StoreWrite(puts={("f", 9): ([b"key"], [b"value"])}))
    with timed("a write that drops a million rows"):
        store.write(StoreWrite(drops=[BUCKETS[1]]))
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{'peak memory, with the keys of this benchmark':44}{peak:8} MiB")


def lookups(when: str, store: RocksStore, keys: dict[Bucket, list[bytes]]) -> None:
    chance = random.Random(2)
    bucket = BUCKETS[-1]
    absent = [chance.randbytes(16) for _ in range(20 * BATCH)]
    present = chance.sample(keys[bucket], 20 * BATCH)
    per_key(f"hit, {when}", [(store.get_many, bucket, batch) for _, batch in batches(present)])
    per_key(f"miss, {when}", [(store.get_many, bucket, batch) for _, batch in batches(absent)])


def measure_sync(path: Path) -> None:
    for sync in (False, True):
        store = RocksStore(path / str(sync), sync=sync)

        def one_row(number: int, store: RocksStore = store) -> None:
            store.write(StoreWrite(puts={("p", 1): ([b"%d" % number], [bytes(80)])}))

        seconds = [elapsed(one_row, number) for number in range(200)]
        store.close()
        print(f"{f'write of one row, sync={sync}':44}{statistics.median(seconds) * 1e6:8.1f} µs")


def batches(keys: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    return ((start, keys[start : start + BATCH]) for start in range(0, len(keys), BATCH))


def per_key(what: str, calls: list[tuple[Callable[..., object], *tuple[object, ...]]]) -> None:
    """Each call ends with the list of its keys."""
    costs, busy = [], []
    for call, *given in calls:
        keys = len(given[-1])  # type: ignore[arg-type]
        busy_before = time.thread_time()
        costs.append(elapsed(call, *given) / keys * 1e6)
        busy.append((time.thread_time() - busy_before) / keys * 1e6)
    middle, tail = statistics.median(costs), statistics.quantiles(costs, n=10)[8]
    print(f"{what:44}{middle:8.2f} µs/key   p90 {tail:5.2f}   CPU {statistics.median(busy):.2f}")


def elapsed(call: Callable[..., object], *given: object) -> float:
    start = time.perf_counter()
    call(*given)
    return time.perf_counter() - start


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{what:44}{(time.perf_counter() - start) * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
