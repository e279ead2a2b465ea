"""An archive holds what the topic held, whole or not at all."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tiltmeter.archive import write
from tiltmeter.archive.event_columns import EVENT_SCHEMAS, event_columns
from tiltmeter.archive.layout import ArchiveError, check_target, new_topic_folder
from tiltmeter.archive.read import archived_partitions
from tiltmeter.archive.table import RECORD_SCHEMA, to_records, to_table
from tiltmeter.archive.write import TopicWriter
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.timestamp import parse_timestamp

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
NASTY = [
    None, b"", b"\0", b"\xff\xfe", b"null", b"{}", b"[1]", b'{"prediction_id": 7, "at": true, "score": "x"}',
    b'{"at": NaN}', b'{"a":' * 3000, b'{"score": 1e400, "prediction": [], "model": null, "at": -5}',
    b'{"specversion": "1.0", "data": 7}', b"\0\0\0\0\x07{}", b'{"prediction_id": "\\ud800"}',
    b'{"score": true, "prediction": true, "at": 99999999999999999999}',
]  # fmt: skip


def nasty_records(count: int, seed: int) -> list[LogRecord]:
    """Any bytes anywhere; offsets have gaps, as those of a compacted or transactional log."""
    rng = random.Random(seed)
    headers = [("", None), ("a", None), ("a", b""), ("a", b"\xff"), ("ünï", b"1"), ("ce_specversion", b"1.0")]
    offset, records = rng.choice([0, 2**40]), []
    for _ in range(count):
        offset += rng.choice([1, 1, 7])
        chosen = tuple(rng.choices(headers, k=rng.choice([0, 0, 1, 3])))
        at = rng.choice([-1, 0, 1_767_225_600_000])
        records.append(LogRecord(offset, at, rng.choice(NASTY), rng.choice(NASTY), chosen))
    return records


def written(
    folder: Path, records: list[LogRecord], topic: str = "predictions", rows: int = 100
) -> TopicWriter:
    """An archive of one topic: partition 0 has the records, partition 1 none."""
    with new_topic_folder(folder / topic) as new:
        writer = TopicWriter(new, topic, rows)
        writer.write(0, [records[:3], records[3:]] if records else [])
        writer.write(1, [])
    return writer


def read(folder: Path, topic: str = "predictions") -> list[list[LogRecord]]:
    return [list(part.records()) for part in archived_partitions(folder, topic)]


@pytest.mark.parametrize("topic", ["predictions", "feedback", "alerts"])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_table_gives_back_the_records_it_was_made_of(topic: str, count: int) -> None:
    records = nasty_records(count, seed=count)
    table = to_table(topic, 3, records)
    assert to_records(table) == records
    assert table.schema == {**RECORD_SCHEMA, **EVENT_SCHEMAS.get(topic, {})}
    assert table["partition"].to_list() == [3] * count


def test_a_table_without_any_header_gives_back_its_records() -> None:
    records = [LogRecord(n, n, b"k", b"{}", ()) for n in range(5)]
    assert to_records(to_table("predictions", 0, records)) == records


@pytest.mark.parametrize("rows", [1, 7, 499, 500, 501])
def test_files_have_so_many_rows_and_follow_each_other(tmp_path: Path, rows: int) -> None:
    records = nasty_records(500, seed=1)
    writer = written(tmp_path, records, rows=rows)
    assert read(tmp_path) == [records, []]
    first, second = archived_partitions(tmp_path, "predictions")
    assert [len(part.files) for part in (first, second)] == [-(-500 // rows), 1]
    assert (first.count, second.count) == (500, 0)
    assert (writer.rows, writer.files) == (500, len(first.files) + 1)
    assert writer.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.parquet"))


def test_a_file_ends_before_it_is_too_much_for_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "MAX_FILE_BYTES", 1000)
    written(tmp_path, [LogRecord(n, 0, b"k" * 100, b"v" * 200, [("h" * 50, b"x" * 50)]) for n in range(10)])
    counts = [pl.read_parquet(path).height for path in sorted(tmp_path.rglob("partition=0/*"))]
    assert counts == [3, 3, 3, 1]
    assert [record.offset for record in read(tmp_path)[0]] == list(range(10))


def test_other_tools_read_the_folder_as_one_table(tmp_path: Path) -> None:
    records = nasty_records(20, seed=2)
    written(tmp_path, records, rows=6)
    whole = pl.read_parquet(tmp_path / "predictions")
    assert_frame_equal(
        whole.select("partition", "offset"), to_table("predictions", 0, records)[["partition", "offset"]]
    )


def test_what_an_event_says_stands_beside_it() -> None:
    event = {"prediction_id": "a", "model": "m", "version": "2", "at": "2026-01-01T00:00:00Z", "score": 1}
    bare = [{**event, "prediction": answer} for answer in ("north", 1, 0.5, True, "1")]
    envelope = [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"io.tiltmeter.prediction.v1"),
        ("ce_time", b"2026-01-01T00:00:00Z"),
    ]
    records = [LogRecord(n, 0, None, json.dumps(document).encode()) for n, document in enumerate(bare)]
    records.append(
        LogRecord(9, 0, None, b'{"prediction_id": "a", "model": "m", "prediction": null}', envelope)
    )
    table = to_table("predictions", 0, records)
    at_ms = parse_timestamp(event["at"])
    assert table.select("prediction_id", "model", "version", "at_ms", "score").rows() == [
        *[("a", "m", "2", at_ms, 1.0)] * 5,
        ("a", "m", None, at_ms, None),
    ]
    assert table["prediction"].to_list() == ["north", "1", "0.5", "true", "1", None]


def test_what_cannot_be_read_is_null_and_costs_no_other_row() -> None:
    good = LogRecord(7, 0, b"k", b'{"prediction_id": "a", "at": 5, "label": 0}')
    bad = [
        LogRecord(n, 0, None, value) for n, value in enumerate([None, b"{", b'{"label": {}, "at": "noon"}'])
    ]
    assert event_columns("feedback", [*bad, good]) == {
        "prediction_id": [None, None, None, "a"],
        "at_ms": [None, None, None, 5],
        "label": [None, None, None, "0"],
    }


@pytest.mark.parametrize("topic", ["prediction", "feedback"])
def test_every_valid_example_of_the_schema_is_read(topic: str) -> None:
    values = [path.read_bytes() for path in sorted((EXAMPLES / "valid" / topic).glob("*.json"))]
    kind = {"prediction": "predictions"}.get(topic, topic)
    columns = event_columns(kind, [LogRecord(n, 0, None, value) for n, value in enumerate(values)])
    assert columns["prediction_id"] == [json.loads(value)["prediction_id"] for value in values]
    assert None not in columns["at_ms"]


class Interrupted(BaseException):
    """As a KeyboardInterrupt is no Exception."""


def interrupted(records: list[LogRecord]) -> Iterator[list[LogRecord]]:
    yield records
    raise Interrupted


@pytest.mark.parametrize("before", [[], nasty_records(5, seed=3)], ids=["first", "overwriting"])
def test_an_interrupted_export_leaves_what_was_there(tmp_path: Path, before: list[LogRecord]) -> None:
    if before:
        written(tmp_path, before)
    with pytest.raises(Interrupted), new_topic_folder(tmp_path / "predictions") as new:
        TopicWriter(new, "predictions", 2).write(0, interrupted(nasty_records(5, seed=4)))
    assert [path.name for path in tmp_path.iterdir()] == (["predictions"] if before else [])
    if before:
        assert read(tmp_path) == [before, []]


def test_what_a_killed_export_left_is_no_obstacle(tmp_path: Path) -> None:
    stale = tmp_path / ".predictions.partial" / "partition=0"
    stale.mkdir(parents=True)
    (stale / "part-00007.parquet").write_bytes(b"half")
    written(tmp_path, nasty_records(5, seed=5))
    assert [path.name for path in tmp_path.iterdir()] == ["predictions"]
    assert len(archived_partitions(tmp_path, "predictions")[0].files) == 1


def test_an_archive_moved_aside_by_a_killed_export_comes_back(tmp_path: Path) -> None:
    old = nasty_records(5, seed=6)
    written(tmp_path, old)
    (tmp_path / "predictions").rename(tmp_path / ".predictions.former")
    with pytest.raises(Interrupted), new_topic_folder(tmp_path / "predictions"):
        raise Interrupted
    assert read(tmp_path) == [old, []]


def test_an_archive_is_replaced_only_if_asked_for(tmp_path: Path) -> None:
    written(tmp_path, nasty_records(5, seed=7))
    with pytest.raises(ArchiveError, match="--overwrite"):
        check_target(tmp_path / "predictions", overwrite=False)
    check_target(tmp_path / "predictions", overwrite=True)
    check_target(tmp_path / "feedback", overwrite=False)


@pytest.mark.parametrize(
    "strange", ["thesis.tex", "partition=0/notes.txt", "partition=0/deep/part-00000.parquet"]
)
def test_what_is_not_an_archive_is_never_replaced(tmp_path: Path, strange: str) -> None:
    path = tmp_path / "predictions" / strange
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    with pytest.raises(ArchiveError, match="not of an archive"):
        check_target(tmp_path / "predictions", overwrite=True)


def test_a_part_of_an_archive_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    """Without a partition all watermarks would be others."""
    with pytest.raises(ArchiveError, match="holds no predictions"):
        archived_partitions(tmp_path, "predictions")
    written(tmp_path, nasty_records(5, seed=8))
    (tmp_path / "predictions" / "partition=0").rename(tmp_path / "predictions" / "partition=2")
    with pytest.raises(ArchiveError, match=r"partition=0.*is missing"):
        archived_partitions(tmp_path, "predictions")


def test_a_missing_file_in_the_middle_is_noticed(tmp_path: Path) -> None:
    written(tmp_path, nasty_records(50, seed=9), rows=10)
    (tmp_path / "predictions" / "partition=0" / "part-00002.parquet").unlink()
    with pytest.raises(ArchiveError, match="part-00002"):
        archived_partitions(tmp_path, "predictions")


@pytest.mark.parametrize("content", ["broken", "foreign"])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, content: str) -> None:
    written(tmp_path, nasty_records(5, seed=10))
    path = tmp_path / "predictions" / "partition=1" / "part-00000.parquet"
    if content == "broken":
        path.write_bytes(path.read_bytes()[:-10])
    else:
        pl.DataFrame({"x": [1]}).write_parquet(path)
    with pytest.raises(ArchiveError, match=r"partition=1/part-00000\.parquet"):
        archived_partitions(tmp_path, "predictions")
