"""What only the store on disk promises: it survives closing, and it says what to do when it cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiltmeter.core.join.pending_store import StoreError, StoreWrite
from tiltmeter.processor.rocksdb_store import RocksStore, StoreDamagedError, StoreInUseError

P1 = ("p", 1)
KEYS = [index.to_bytes(16, "big") for index in range(20_000)]
VALUES = [bytes(range(80))] * len(KEYS)
DELETE_THE_FOLDER = "delete the folder and restart; state is rebuilt from the changelog"


@pytest.mark.parametrize("sync", [False, True])
def test_rows_and_meta_survive_closing(tmp_path: Path, sync: bool) -> None:
    folder = tmp_path / "partition" / "3"
    store = RocksStore(folder, sync=sync)
    store.write(StoreWrite(puts={P1: ([b"b", b"a"], [b"2", b"1"])}, meta={b"offset": b"7"}))
    store.close()

    store = RocksStore(folder, sync=sync)
    assert list(store.scan(P1)) == [(b"a", b"1"), (b"b", b"2")]
    assert store.meta() == {b"offset": b"7"}
    store.close()


def test_dropped_rows_stay_dropped_after_reopening(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    store.write(StoreWrite(puts={P1: ([b"a"], [b"1"]), ("p", 2): ([b"a"], [b"1"])}))
    store.write(StoreWrite(drops=[P1, ("p", 2)], puts={P1: ([b"b"], [b"2"])}))
    store.close()

    store = RocksStore(tmp_path)
    assert store.buckets() == [P1]
    assert list(store.scan(P1)) == [(b"b", b"2")]
    store.close()


def test_a_bucket_emptied_by_deletes_is_not_listed_after_reopening(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    store.write(StoreWrite(puts={P1: (KEYS, VALUES)}))
    store.write(StoreWrite(deletes={P1: KEYS}))
    assert store.buckets() == []
    store.close()

    store = RocksStore(tmp_path)
    assert store.buckets() == []
    store.close()


def test_one_folder_is_not_opened_twice(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    with pytest.raises(StoreInUseError, match="Operator action: give every worker a data folder of its own"):
        RocksStore(tmp_path)
    store.close()
    RocksStore(tmp_path).close()


def test_a_scan_left_half_read_does_not_keep_the_folder_locked(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    store.write(StoreWrite(puts={P1: (KEYS, VALUES)}))
    rows = store.scan(P1)
    next(rows)
    store.close()
    RocksStore(tmp_path).close()
    with pytest.raises(StoreError, match="closed"):
        list(rows)


def test_a_closed_store_is_not_written(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.write(StoreWrite(puts={P1: ([b"a"], [b"1"])}))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The file with the rows of a closed store in ``tmp_path``."""
    store = RocksStore(tmp_path)
    store.write(StoreWrite(puts={P1: (KEYS, VALUES)}))
    store.close()
    return max(tmp_path.glob("*.sst"), key=lambda file: file.stat().st_size)


@pytest.mark.parametrize("victim", ["table", "CURRENT"])
def test_a_truncated_file_is_refused_at_opening(tmp_path: Path, table: Path, victim: str) -> None:
    file = table if victim == "table" else tmp_path / victim
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(StoreDamagedError, match=DELETE_THE_FOLDER):
        RocksStore(tmp_path)


def test_a_flipped_bit_in_the_manifest_is_refused_at_opening(tmp_path: Path, table: Path) -> None:
    (file,) = tmp_path.glob("MANIFEST-*")
    content = bytearray(file.read_bytes())
    content[12] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreDamagedError, match=DELETE_THE_FOLDER):
        RocksStore(tmp_path)


def test_a_missing_file_is_refused_at_opening(tmp_path: Path, table: Path) -> None:
    table.unlink()
    with pytest.raises(StoreDamagedError, match=DELETE_THE_FOLDER):
        RocksStore(tmp_path)


def test_a_flipped_bit_is_never_read_as_absence(tmp_path: Path, table: Path) -> None:
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    store = RocksStore(tmp_path)
    with pytest.raises(StoreDamagedError, match=DELETE_THE_FOLDER):
        store.get_many(P1, KEYS)
    with pytest.raises(StoreDamagedError, match=DELETE_THE_FOLDER):
        list(store.scan(P1))
    store.close()


def test_a_folder_that_cannot_be_made_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="repair the volume") as failure:
        RocksStore(tmp_path / "file" / "store")
    assert type(failure.value) is StoreError
