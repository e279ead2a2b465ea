"""Which segments an event belongs to: one per configured name, ``country=DE`` or ``country=(other)``.

The values are those of the configuration, so that a stream cannot grow the state by inventing some; whatever else
an event says, or does not say, is the other segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tiltmeter.core.join.rows_by import rows_by
from tiltmeter.events.columns import Group, Int64

#: The value of every event that has none of the configured ones.
OTHER = "(other)"


def segments_named(name: str, values: Sequence[str]) -> list[str]:
    """All segments of one name, the other one last."""
    return [f"{name}={value}" for value in (*values, OTHER)]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One configured name over the n rows of a group: ``codes`` int64[n] index ``segments``."""

    segments: list[str]
    codes: Int64


def dimensions(group: Group, wanted: Mapping[str, Sequence[str]]) -> list[Dimension]:
    """In order of the configured names, sorted."""
    found = []
    for name, values in sorted(wanted.items()):
        place = {value: i for i, value in enumerate(values)}
        column = group.segments.get(name)
        if column is None:
            codes = np.full(group.rows.size, len(values), dtype=np.int64)
        else:
            known = [place.get(value, len(values)) if value is not None else len(values) for value in column]
            codes = np.array(known, dtype=np.int64)
        found.append(Dimension(segments_named(name, values), codes))
    return found


def combinations(found: Sequence[Dimension], rows: int) -> Iterator[tuple[tuple[str, ...], Int64]]:
    """(segments, positions within the group, ascending) of each combination that occurs; all rows are in one."""
    if not found:
        yield (), np.arange(rows, dtype=np.int64)
        return
    for codes, members in rows_by(*(dimension.codes for dimension in found)):
        yield tuple(d.segments[code] for d, code in zip(found, codes, strict=True)), members
