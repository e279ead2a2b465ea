"""An archived topic, read back partition by partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from tiltmeter.archive.layout import ArchiveError, partition_files
from tiltmeter.archive.table import RECORD_SCHEMA, to_records
from tiltmeter.events.columns import LogRecord


@dataclass(frozen=True, slots=True)
class ArchivedPartition:
    """``count`` records in ``files``, which follow each other in log order."""

    partition: int
    count: int
    files: Sequence[Path]

    def records(self) -> Iterator[LogRecord]:
        """All of them in log order; holds one file in memory at a time."""
        for path in self.files:
            with _readable(path):
                table = pl.read_parquet(path, columns=list(RECORD_SCHEMA), hive_partitioning=False)
            yield from to_records(table)


def archived_partitions(archive: Path, topic: str) -> list[ArchivedPartition]:
    """Every partition of ``topic`` (predictions, ...). Raises ArchiveError for an archive that is not whole."""
    folder = archive / topic
    if not folder.is_dir():
        raise ArchiveError(
            f"{archive} holds no {topic}. Run `tiltmeter export --topic {topic} --to {archive}`."
        )
    return [
        ArchivedPartition(partition, sum(map(_rows, files)), files)
        for partition, files in enumerate(partition_files(folder))
    ]


def _rows(path: Path) -> int:
    with _readable(path):
        file = pl.scan_parquet(path, hive_partitioning=False)
        schema = file.collect_schema()
        wrong = [name for name, dtype in RECORD_SCHEMA.items() if schema.get(name) != dtype]
        if wrong:
            raise ArchiveError(f"{path} was not written by `tiltmeter export`: {', '.join(wrong)}.")
        return int(file.select(pl.len()).collect().item())


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (PolarsError, OSError) as error:
        raise ArchiveError(f"{path} cannot be read: {error}. Export the topic again.") from error
