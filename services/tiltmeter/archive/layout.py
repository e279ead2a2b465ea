"""Which files an archive consists of, and that a topic's are all there or not at all.

::

    DIR/predictions/partition=0/part-00000.parquet     partition=... as Hive, Spark, DuckDB and polars read it
                                part-00001.parquet
                    partition=1/part-00000.parquet     every partition has a file, if need be one without rows
        .feedback.partial/                             being written, or left by a run that was killed

A topic's folder gets its name when its last file is on disk, so whoever sees it sees all of it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PARTITION = re.compile(r"partition=(0|[1-9][0-9]*)")
_PART = re.compile(r"part-[0-9]{5,}\.parquet")


class ArchiveError(Exception):
    """An archive that cannot be read or written; the message says what to do."""


def part_path(topic_folder: Path, partition: int, number: int) -> Path:
    return topic_folder / f"partition={partition}" / f"part-{number:05d}.parquet"


def partition_files(topic_folder: Path) -> list[list[Path]]:
    """Files of partition 0, 1, ..., in log order. Raises ArchiveError if a partition or a file is missing."""
    found = {
        int(match[1]): {path.name: path for path in folder.iterdir() if _PART.fullmatch(path.name)}
        for folder in topic_folder.iterdir()
        if (match := _PARTITION.fullmatch(folder.name))
    }
    for partition in range(max(found, default=0) + 1):
        for number in range(max(len(found.get(partition, {})), 1)):
            path = part_path(topic_folder, partition, number)
            if path.name not in found.get(partition, {}):
                raise ArchiveError(f"{path} is missing. Export the topic again: a part is not the whole.")
    return [
        [part_path(topic_folder, partition, number) for number in range(len(files))]
        for partition, files in sorted(found.items())
    ]


def check_target(topic_folder: Path, overwrite: bool) -> None:
    """Raises ArchiveError where :func:`new_topic_folder` would have to take something else's place."""
    if not topic_folder.exists():
        return
    if not overwrite:
        raise ArchiveError(f"{topic_folder} exists. Choose another folder, or add --overwrite.")
    strange = [path for path in sorted(topic_folder.rglob("*")) if not _is_ours(topic_folder, path)]
    if strange or not topic_folder.is_dir():
        what = strange[0] if strange else topic_folder
        raise ArchiveError(f"{what} is not of an archive, so nothing is overwritten. Choose another folder.")


def _is_ours(topic_folder: Path, path: Path) -> bool:
    match path.relative_to(topic_folder).parts:
        case (partition,):
            return path.is_dir() and _PARTITION.fullmatch(partition) is not None
        case (_, part):
            return path.is_file() and _PART.fullmatch(part) is not None
    return False


@contextmanager
def new_topic_folder(topic_folder: Path) -> Iterator[Path]:
    """A folder to write to, which takes the place of ``topic_folder`` at the end of the block; gone if it raises."""
    partial = topic_folder.with_name(f".{topic_folder.name}.partial")
    former = topic_folder.with_name(f".{topic_folder.name}.former")
    if former.exists() and not topic_folder.exists():
        former.rename(topic_folder)  # a run was killed between the two renames below
    for left in (partial, former):
        with suppress(FileNotFoundError):
            shutil.rmtree(left)
    partial.mkdir(parents=True)
    try:
        yield partial
        if topic_folder.exists():
            topic_folder.rename(former)
        partial.rename(topic_folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)
    _sync(topic_folder.parent)


def _sync(folder: Path) -> None:
    """A name is on disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
