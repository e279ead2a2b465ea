"""Reads held-out rows from a file and builds the reference of a model version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tiltmeter.core.join.segmentation import OTHER
from tiltmeter.core.reference.profile import Performance, ReferenceProfile, Task
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.reference_building.column import Column, ReferenceColumnError

#: Below, a segment's reference would alarm by its own bad luck.
LEAST_SEGMENT_ROWS = 200
#: Columns that describe the event and are not inputs of the model.
SPECIAL = frozenset(
    {
        "prediction",
        "label",
        "score",
        "prediction_id",
        "at",
        "timestamp",
        "model",
        "version",
        "segment",
        "weight",
    }
)


class ReferenceFileError(ValueError):
    """Held-out rows that cannot be used. The message names file and column and says what to do."""


class TooFewRowsError(ReferenceFileError):
    """A segment about which the rows say next to nothing."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One value of a column; the value :data:`tiltmeter.core.join.segmentation.OTHER` is all but ``values``."""

    name: str
    value: str
    values: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{self.name}={self.value}"


def segments_of(configured: Mapping[str, tuple[str, ...]]) -> Iterator[Segment]:
    """Every segment of a model's configuration."""
    for name, values in sorted(configured.items()):
        for value in (*values, OTHER):
            yield Segment(name, value, values)


def reference_from_file(
    path: Path,
    *,
    model: str,
    version: str,
    effective_from_ms: int = 0,
    features: Sequence[str] | None = None,
    prediction: str | None = None,
    label: str | None = None,
    score: str | None = None,
    task: Literal["auto"] | Task = "auto",
    bins: int = 256,
    segment: Segment | None = None,
    units: Performance | None = None,
) -> ReferenceProfile:
    """The reference of the rows in a .parquet, .csv or .csv.gz file; of one segment: of its rows alone.
    ``units``: see :func:`build_reference`.

    ``prediction``, ``label`` and ``score`` default to the columns of these names, if there are any;
    ``features`` to all columns but those and :data:`SPECIAL`. Raises :class:`ReferenceFileError`.
    """
    frame = _read(path)
    if segment is not None:
        frame = _rows_of(path, frame, segment)
    used = {
        role: _special(path, frame, role, named)
        for role, named in (("prediction", prediction), ("label", label), ("score", score))
    }
    names = list(features) if features is not None else _default_features(frame, set(used.values()))
    if not names:
        raise ReferenceFileError(f"{path}: no feature columns; name them with features")
    columns = {name: _column(path, frame, name) for name in names}
    special = {
        role: None if column is None else _column(path, frame, column) for role, column in used.items()
    }
    try:
        return build_reference(
            columns,
            segment=segment.full_name if segment else "",
            model=model,
            version=version,
            effective_from_ms=effective_from_ms,
            predictions=special["prediction"],
            labels=special["label"],
            scores=special["score"],
            task=task,
            bins=bins,
            units=units,
        )
    except ReferenceColumnError as error:
        column = used.get(error.column) or error.column
        raise ReferenceFileError(f"{path}: {ReferenceColumnError(column, error.problem)}") from error
    except ValueError as error:
        raise ReferenceFileError(f"{path}: {error}") from error


def _rows_of(path: Path, frame: pl.DataFrame, segment: Segment) -> pl.DataFrame:
    """As an event says it: a value is the text of the cell."""
    if segment.name not in frame.columns:
        raise ReferenceFileError(f"{path}: no column {segment.name!r} to tell segments by")
    text = frame.get_column(segment.name).cast(pl.String).fill_null("")
    mine = ~text.is_in(list(segment.values)) if segment.value == OTHER else text == segment.value
    rows = frame.filter(mine)
    if rows.height < LEAST_SEGMENT_ROWS:
        raise TooFewRowsError(
            f"{segment.full_name}: {rows.height} rows in {path}, at least {LEAST_SEGMENT_ROWS} needed"
        )
    return rows


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise ReferenceFileError(f"{path}: no such file")
    name = path.name.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            return pl.read_parquet(path)
        if name.endswith((".csv", ".csv.gz")):
            return pl.read_csv(path, infer_schema_length=None, null_values=[""])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ReferenceFileError(f"{path}: cannot be read: {error}") from error
    raise ReferenceFileError(f"{path}: unknown kind of file; use .parquet, .csv or .csv.gz")


def _special(path: Path, frame: pl.DataFrame, role: str, named: str | None) -> str | None:
    if named is None:
        return role if role in frame.columns else None
    if named not in frame.columns:
        raise ReferenceFileError(f"{path}: no {role} column {named!r}; there are {', '.join(frame.columns)}")
    return named


def _default_features(frame: pl.DataFrame, used: set[str | None]) -> list[str]:
    return [name for name in frame.columns if name not in used and name not in SPECIAL]


def _column(path: Path, frame: pl.DataFrame, name: str) -> Column:
    if name not in frame.columns:
        raise ReferenceFileError(f"{path}: no column {name!r}; there are {', '.join(frame.columns)}")
    series = frame.get_column(name)
    if series.dtype.is_numeric():
        return _numbers(series)
    if series.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null):
        return series.to_list()
    raise ReferenceFileError(
        f"{path}: column {name!r} is {series.dtype}; use numbers, strings or booleans, or leave it out"
    )


def _numbers(series: pl.Series) -> NDArray[np.float64]:
    """Whole numbers below 2**53 stay exact; a missing cell is NaN."""
    return series.cast(pl.Float64).to_numpy()
