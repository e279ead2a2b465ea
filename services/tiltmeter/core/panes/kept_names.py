"""Which of too many names are kept, when names come from the stream itself.

By a hash, not by who came first: a name that is kept of all names is kept of every part that has it. So the counts
of kept names are complete, and the same, however the stream was cut and in whatever order parts were merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import xxhash

#: Features per pane, and texts per feature, that are counted without a reference.
MOST_FEATURES, MOST_TEXTS = 200, 1_000

V = TypeVar("V")


def kept(names: Iterable[str], most: int) -> list[str]:
    """The ``most`` names with the smallest hashes, or all."""
    found = list(names)
    if len(found) <= most:
        return found
    return sorted(found, key=lambda name: (xxhash.xxh3_64_intdigest(name.encode("utf-8", "replace")), name))[
        :most
    ]


def only_kept(values: Mapping[str, V], most: int) -> dict[str, V]:
    return {name: values[name] for name in kept(values, most)}
