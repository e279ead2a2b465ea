"""The port of the pending store: what every implementation promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.join.pending_store import Bucket, PendingStore, StoreWrite
from tiltmeter.processor.rocksdb_store import RocksStore

P1, P2, F1 = ("p", 1), ("p", 2), ("f", 1)


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PendingStore]:
    opened = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "store")
    yield opened
    opened.close()


def put(bucket: Bucket, **rows: bytes) -> StoreWrite:
    return StoreWrite(puts={bucket: ([key.encode() for key in rows], list(rows.values()))})


def test_a_new_store_is_empty(store: PendingStore) -> None:
    assert store.buckets() == []
    assert store.meta() == {}
    assert store.get_many(P1, [b"a", b"b"]) == [None, None]
    assert list(store.scan(P1)) == []


def test_values_come_back_in_the_order_of_the_keys_asked(store: PendingStore) -> None:
    store.write(put(P1, a=b"1", b=b"", c=b"3"))
    assert store.get_many(P1, [b"c", b"x", b"a", b"b", b"c"]) == [b"3", None, b"1", b"", b"3"]
    assert store.get_many(P1, []) == []


def test_equal_keys_in_different_buckets_do_not_meet(store: PendingStore) -> None:
    store.write(StoreWrite(puts={P1: ([b"a"], [b"prediction"]), F1: ([b"a"], [b"feedback"])}))
    assert store.get_many(P1, [b"a"]) == [b"prediction"]
    assert store.get_many(F1, [b"a"]) == [b"feedback"]
    assert store.get_many(P2, [b"a"]) == [None]


def test_one_write_drops_then_deletes_then_puts(store: PendingStore) -> None:
    store.write(put(P1, old=b"1", both=b"1"))
    store.write(put(P2, gone=b"1", back=b"1", stays=b"1"))
    store.write(
        StoreWrite(
            drops=[P1],
            deletes={P2: [b"gone", b"back"]},
            puts={P1: ([b"both"], [b"2"]), P2: ([b"back"], [b"2"])},
        )
    )
    assert list(store.scan(P1)) == [(b"both", b"2")]
    assert list(store.scan(P2)) == [(b"back", b"2"), (b"stays", b"1")]


def test_of_equal_keys_in_one_put_the_last_value_stays(store: PendingStore) -> None:
    store.write(StoreWrite(puts={P1: ([b"a", b"a"], [b"1", b"2"])}))
    assert list(store.scan(P1)) == [(b"a", b"2")]


def test_a_scan_ascends_by_key_across_its_pages(store: PendingStore) -> None:
    rows = {index.to_bytes(4, "big"): b"%d" % index for index in range(10_000)}
    shuffled = list(reversed(rows))
    store.write(StoreWrite(puts={P1: (shuffled, [rows[key] for key in shuffled])}))
    assert list(store.scan(P1)) == sorted(rows.items())


def test_buckets_are_listed_ascending_and_only_while_they_hold_rows(store: PendingStore) -> None:
    for bucket in [("p", 10), ("p", 9), ("f", 11), ("p", -1)]:
        store.write(put(bucket, a=b"1"))
    store.write(StoreWrite(deletes={("p", 9): [b"a"]}, puts={("p", 8): ([], [])}))
    assert store.buckets() == [("f", 11), ("p", -1), ("p", 10)]


def test_a_dropped_bucket_starts_again_empty(store: PendingStore) -> None:
    for value in [b"1", b"2", b"3"]:
        store.write(StoreWrite(drops=[P1]))
        assert store.get_many(P1, [b"a"]) == [None]
        assert store.buckets() == []
        store.write(put(P1, a=value))
        assert list(store.scan(P1)) == [(b"a", value)]


def test_dropping_and_deleting_what_is_absent_is_fine(store: PendingStore) -> None:
    store.write(StoreWrite(drops=[P1, P1], deletes={P2: [b"a"]}, meta={b"m": None}))
    assert store.buckets() == []
    assert store.meta() == {}


def test_meta_entries_are_kept_replaced_and_deleted(store: PendingStore) -> None:
    store.write(StoreWrite(meta={b"epoch": b"1", b"offset": b"10"}))
    store.write(StoreWrite(meta={b"epoch": None, b"offset": b"20"}))
    assert store.meta() == {b"offset": b"20"}


def test_a_write_is_idempotent(store: PendingStore) -> None:
    store.write(put(P1, a=b"1", b=b"1"))
    change = StoreWrite([P2], {P1: [b"a"]}, {P2: ([b"c"], [b"1"])}, {b"m": b"1"})
    store.write(change)
    store.write(change)
    assert list(store.scan(P1)) == [(b"b", b"1")]
    assert list(store.scan(P2)) == [(b"c", b"1")]
    assert store.meta() == {b"m": b"1"}


def test_a_refused_write_changes_nothing(store: PendingStore) -> None:
    store.write(put(P1, a=b"1"))
    with pytest.raises(ValueError, match="zip"):
        store.write(StoreWrite([P1], {}, {P2: ([b"a", b"b"], [b"1"])}, {b"m": b"1"}))
    assert store.buckets() == [P1]
    assert store.meta() == {}
    store.write(put(P2, a=b"2"))
    assert list(store.scan(P2)) == [(b"a", b"2")]


def test_closing_twice_is_fine(store: PendingStore) -> None:
    store.close()
    store.close()


BUCKETS = st.tuples(st.sampled_from("pf"), st.integers(0, 2))
KEYS = st.sampled_from([b"", b"\0", b"a", b"a\0", b"b", b"\xff" * 16])
ROWS = st.dictionaries(KEYS, st.binary(max_size=3), max_size=4).map(lambda rows: ([*rows], [*rows.values()]))
CHANGES = st.builds(
    StoreWrite,
    drops=st.lists(BUCKETS, max_size=2),
    deletes=st.dictionaries(BUCKETS, st.lists(KEYS, max_size=4), max_size=2),
    puts=st.dictionaries(BUCKETS, ROWS, max_size=3),
    meta=st.dictionaries(KEYS, st.none() | st.binary(max_size=3), max_size=2),
)


class StoreAgainstModel(RuleBasedStateMachine):
    """Any writes, with reopening between them, against MemoryStore's plain dictionaries.

    The tests above pin MemoryStore itself: here it is the model.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.model = MemoryStore()
        self.store = RocksStore(Path(self.folder.name))

    @rule(change=CHANGES)
    def write(self, change: StoreWrite) -> None:
        self.model.write(change)
        self.store.write(change)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = RocksStore(Path(self.folder.name))

    @rule(bucket=BUCKETS, keys=st.lists(KEYS))
    def get(self, bucket: Bucket, keys: list[bytes]) -> None:
        assert self.store.get_many(bucket, keys) == self.model.get_many(bucket, keys)

    @invariant()
    def agrees(self) -> None:
        assert self.store.buckets() == self.model.buckets()
        assert self.store.meta() == self.model.meta()
        for bucket in self.model.buckets():
            assert list(self.store.scan(bucket)) == list(self.model.scan(bucket))

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, derandomize=True
)
