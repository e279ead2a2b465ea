"""SIGKILL at any moment leaves the store before or after a write, never between.

A writer (this file, run as a script) applies numbered changes as fast as it can and says each number it finished::

    writer  open ── write 0 ── write 1 ── write 2 ── wri┆
                        └─"0"      └─"1"      └─"2"     ┆ SIGKILL, anywhere
    test                                                ┆ reopen: meta says 2 or 3; rows agree with it exactly
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from tiltmeter.core.memory_store import MemoryStore
from tiltmeter.core.pending_store import Bucket, StoreWrite
from tiltmeter.processor.rocksdb_store import RocksStore, StoreInUseError

KILLS = 15
ROWS_PER_WRITE = 60
VALUE_BYTES = 4096  # 250 KB a write: memtables fill and are flushed while the writer runs
P1 = ("p", 1)


def numbered(number: int) -> StoreWrite:
    """Change ``number``: rows into two buckets, some older rows out, whole buckets dropped and begun again."""
    now: Bucket = ("p", number // 4)
    waiting: Bucket = ("f", number // 4 % 3)  # dropped and written in one change, again and again
    keys = [random.Random(f"{number}/{row}").randbytes(16) for row in range(ROWS_PER_WRITE)]
    older = [random.Random(f"{number - 1}/{row}").randbytes(16) for row in range(0, ROWS_PER_WRITE, 3)]
    values = [random.Random(number).randbytes(VALUE_BYTES)] * ROWS_PER_WRITE
    return StoreWrite(
        drops=[waiting, ("p", number // 4 - 5)] if number % 4 == 0 else [],
        deletes={now: older},
        puts={now: (keys, values), waiting: (keys[:5], values[:5])},
        meta={b"number": b"%d" % number, b"odd": b"yes" if number % 2 else None},
    )


def start_writer(folder: Path, first: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, str(folder), str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_sigkill_at_random_moments_never_tears_a_write(tmp_path: Path) -> None:
    chance = random.Random(20)
    model, applied = MemoryStore(), -1
    for kill in range(KILLS):
        writer = start_writer(tmp_path, applied + 1)
        assert writer.stdout is not None
        if kill % 5:  # every fifth writer may also die while it starts and opens the folder
            assert writer.stdout.readline() == "open\n"
        time.sleep(chance.uniform(0.0, 0.5))  # the moment of death, not a synchronisation
        writer.kill()
        said = [int(line) for line in writer.communicate()[0].split() if line != "open"]

        store = RocksStore(tmp_path)
        found = int(store.meta().get(b"number", b"-1"))
        assert found >= max(said, default=applied), "a write that had returned is gone"
        for number in range(applied + 1, found + 1):
            model.write(numbered(number))
        applied = found
        assert store.meta() == model.meta()
        assert store.buckets() == model.buckets()
        for bucket in model.buckets():
            assert list(store.scan(bucket)) == list(model.scan(bucket))
        store.close()
    assert applied > 10 * KILLS, "the writers hardly wrote; the kills prove little"


def test_a_crash_after_a_family_was_created_leaves_the_state_before(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    store.write(StoreWrite(puts={P1: ([b"a"], [b"1"])}))
    store.close()
    with_family_of_a_write_that_never_came(tmp_path, "p1.2", "f7.3")

    store = RocksStore(tmp_path)
    assert store.buckets() == [P1]
    store.write(StoreWrite(drops=[P1], puts={("f", 7): ([b"b"], [b"2"])}))
    assert store.buckets() == [("f", 7)]
    assert list(store.scan(("f", 7))) == [(b"b", b"2")]
    store.close()


def test_a_crash_before_a_family_was_dropped_leaves_the_state_after(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    store.write(StoreWrite(puts={P1: ([b"a"], [b"1"]), ("p", 2): ([b"a"], [b"2"])}))
    store.close()
    raw = Rdict(str(tmp_path))
    del raw[b"p1"]  # the batch of a dropping write; the process dies before the family goes
    raw.close()

    store = RocksStore(tmp_path)
    assert store.buckets() == [("p", 2)]
    assert store.get_many(P1, [b"a"]) == [None]
    store.close()
    assert Rdict.list_cf(str(tmp_path)) == ["default", "meta", "p2.2"]


def test_the_folder_belongs_to_one_process_until_that_dies(tmp_path: Path) -> None:
    writer = start_writer(tmp_path, 0)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "open\n"
    with pytest.raises(StoreInUseError, match=r"open in another process.*Operator action"):
        RocksStore(tmp_path)
    writer.kill()
    writer.communicate()
    RocksStore(tmp_path).close()


def with_family_of_a_write_that_never_came(folder: Path, *names: str) -> None:
    raw = Rdict(str(folder))
    for name in names:
        raw.create_column_family(name, Options(raw_mode=True)).close()
    raw.close()


def write_for_ever(folder: Path, number: int) -> None:
    store = RocksStore(folder)
    print("open", flush=True)
    while True:
        store.write(numbered(number))
        print(number, flush=True)
        number += 1


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
