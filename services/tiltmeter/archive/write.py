"""Write one topic of an archive: zstd-compressed files of a bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tiltmeter.archive.layout import part_path
from tiltmeter.archive.table import to_table
from tiltmeter.events.columns import LogRecord

#: A file is ended by its rows or by this many bytes of keys, values and headers, whichever comes first: that and
#: what the reader has fetched is all that an export holds in memory.
MAX_FILE_BYTES = 64 * 1024 * 1024


class TopicWriter:
    """Writes to ``folder``; ``rows`` counts what is on disk."""

    def __init__(self, folder: Path, topic: str, rows_per_file: int) -> None:
        self._folder = folder
        self._topic = topic
        self._rows_per_file = rows_per_file
        self.files = 0
        self.rows = 0
        self.bytes = 0

    def write(self, partition: int, batches: Iterable[Sequence[LogRecord]]) -> None:
        """All records of one partition, in log order. Call it for every partition, also for one without records."""
        number, kept, size = 0, list[LogRecord](), 0
        for records in batches:
            for record in records:
                kept.append(record)
                size += _size(record)
                if len(kept) == self._rows_per_file or size >= MAX_FILE_BYTES:
                    self._write_file(partition, number, kept)
                    number, kept, size = number + 1, [], 0
        if kept or not number:
            self._write_file(partition, number, kept)

    def _write_file(self, partition: int, number: int, records: Sequence[LogRecord]) -> None:
        path = part_path(self._folder, partition, number)
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            to_table(self._topic, partition, records).write_parquet(file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
            self.bytes += file.tell()
        self.files += 1
        self.rows += len(records)


def _size(record: LogRecord) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
