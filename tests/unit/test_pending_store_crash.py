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
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import pytest
from rocksdict import Options, Rdict

from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.join.pending_store import Bucket, StoreWrite
from tiltmeter.processor.rocksdb_store import RocksStore, StoreInUseError

P1 = ("p", 1)


class Load(NamedTuple):
    rows: int
    value_bytes: int
    writes_per_bucket: int
    kills: int
    longest_life_seconds: float


LOADS = {
    # 250 KB a write and a new bucket every fourth: memtables are flushed, families come and go.
    "large": Load(60, 4096, 4, 10, 0.5),
    # Tens of microseconds a write: two steps where there should be one would be caught between them.
    "small": Load(2, 8, 2000, 30, 0.05),
}


def numbered(number: int, load: Load) -> StoreWrite:
    """Change ``number``: rows into two buckets, some older rows out, whole buckets dropped and begun again."""
    turn = number // load.writes_per_bucket
    now: Bucket = ("p", turn)
    waiting: Bucket = ("f", turn % 3)  # dropped and written in one change, again and again
    values = [bytes([number % 256]) * load.value_bytes] * load.rows
    return StoreWrite(
        drops=[waiting, ("p", turn - 3)] if number % load.writes_per_bucket == 0 else [],
        deletes={now: keys(number - 1, load)[::3]},
        puts={now: (keys(number, load), values), waiting: (keys(number, load)[:5], values[:5])},
        meta={b"number": b"%d" % number, b"odd": b"yes" if number % 2 else None},
    )


def keys(number: int, load: Load) -> list[bytes]:
    return [blake2b(b"%d/%d" % (number, row), digest_size=16).digest() for row in range(load.rows)]


def start_writer(folder: Path, load: str, first: int) -> subprocess.Popen[bytes]:
    """Says "open" on a pipe, numbers in a file: a reader of the numbers would wake at each and time its kill."""
    command = [sys.executable, __file__, str(folder / "store"), load, str(first)]
    with (folder / "said").open("w") as said:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said)


@pytest.mark.parametrize("name", LOADS)
def test_sigkill_at_random_moments_never_tears_a_write(tmp_path: Path, name: str) -> None:
    load = LOADS[name]
    chance = random.Random(20)
    model, applied = MemoryStore(), -1
    for kill in range(load.kills):
        writer = start_writer(tmp_path, name, applied + 1)
        if kill % 4:  # every fourth writer may also die while it starts and opens the folder
            wait_until_open(writer)
        time.sleep(chance.uniform(0.0, load.longest_life_seconds))  # the moment of death, no synchronisation
        writer.kill()
        writer.communicate()
        said = [int(line) for line in (tmp_path / "said").read_text().split()]

        store = RocksStore(tmp_path / "store")
        found = int(store.meta().get(b"number", b"-1"))
        assert found >= max(said, default=applied), "a write that had returned is gone"
        for number in range(applied + 1, found + 1):
            model.write(numbered(number, load))
        applied = found
        assert store.meta() == model.meta()
        assert store.buckets() == model.buckets()
        for bucket in model.buckets():
            assert list(store.scan(bucket)) == list(model.scan(bucket))
        store.close()
    assert applied > 5 * load.kills, "the writers hardly wrote; the kills prove little"


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
    writer = start_writer(tmp_path, "small", 0)
    wait_until_open(writer)
    with pytest.raises(StoreInUseError, match=r"open in another process.*Operator action"):
        RocksStore(tmp_path / "store")
    writer.kill()
    writer.communicate()
    RocksStore(tmp_path / "store").close()


def wait_until_open(writer: subprocess.Popen[bytes]) -> None:
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"open\n"


def with_family_of_a_write_that_never_came(folder: Path, *names: str) -> None:
    raw = Rdict(str(folder))
    for name in names:
        raw.create_column_family(name, Options(raw_mode=True)).close()
    raw.close()


def write_for_ever(folder: Path, load: Load, number: int) -> None:
    store = RocksStore(folder)
    print("open", flush=True)
    while True:
        store.write(numbered(number, load))
        print(number, file=sys.stderr, flush=True)
        number += 1


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), LOADS[sys.argv[2]], int(sys.argv[3]))
