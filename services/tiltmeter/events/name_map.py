"""The maps of an event (features, segments, nonfinite), made harmless: what is unusable is left out and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tiltmeter.events.batch import same_keys
from tiltmeter.events.prediction import (
    MAX_FEATURE_NAME,
    MAX_SEGMENT_NAME,
    MAX_SEGMENT_VALUE,
    MAX_SEGMENTS,
)
from tiltmeter.events.reasons import MAX_FEATURES


class NameMaps(NamedTuple):
    """A map per row, empty where absent. ``uniform``: all have the same names in the same order."""

    rows: list[dict[str, Any]]
    uniform: bool
    unusable: int  # rows that held something else too

    def pick(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        return self.rows if len(rows) == len(self.rows) else [self.rows[row] for row in rows]


def features(values: Sequence[Any]) -> NameMaps:
    """Names of 1 to 128 characters; any value, judged cell by cell later."""
    maps, unusable = _maps(values, MAX_FEATURES)
    uniform = same_keys(maps)
    names = set(maps[0]) if uniform and maps else set().union(*maps)
    bad = {name for name in names if not 1 <= len(name) <= MAX_FEATURE_NAME}
    if not bad:
        return NameMaps(maps, uniform, unusable)
    return _filtered(maps, lambda name, _: name not in bad, unusable)


def segments(values: Sequence[Any]) -> NameMaps:
    """Short strings by short names."""
    maps, unusable = _maps(values, MAX_SEGMENTS)
    return _filtered(maps, _is_segment, unusable)


def nonfinite(values: Sequence[Any]) -> NameMaps:
    """What the producer says its features were instead of finite numbers."""
    maps, unusable = _maps(values, MAX_FEATURES)
    return _filtered(maps, _is_nonfinite, unusable)


def _maps(values: Sequence[Any], most: int) -> tuple[list[dict[str, Any]], int]:
    if set(map(type, values)) == {dict} and max(map(len, values)) <= most:
        return list(values), 0
    maps = [value if type(value) is dict and len(value) <= most else {} for value in values]
    unusable = sum(value is not None and value is not kept for value, kept in zip(values, maps, strict=True))
    return maps, unusable


def _filtered(maps: list[dict[str, Any]], keep: Callable[[str, object], bool], unusable: int) -> NameMaps:
    kept = []
    for entries in maps:
        if all(keep(name, value) for name, value in entries.items()):
            kept.append(entries)
        else:
            kept.append({name: value for name, value in entries.items() if keep(name, value)})
            unusable += 1
    return NameMaps(kept, same_keys(kept), unusable)


def _is_segment(name: str, value: object) -> bool:
    return (
        1 <= len(name) <= MAX_SEGMENT_NAME and isinstance(value, str) and 1 <= len(value) <= MAX_SEGMENT_VALUE
    )


def _is_nonfinite(name: str, value: object) -> bool:
    return 1 <= len(name) <= MAX_FEATURE_NAME and value in ("nan", "inf", "-inf")
