"""Which rows of a column choose the names of categories and which are counted, without Tiltmeter's code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence


def halves(cells: Sequence[str | None]) -> tuple[list[str | None], list[str | None]]:
    """(cells that choose, cells that are counted), by the bits of a hash of the column."""
    found: tuple[list[str | None], list[str | None]] = ([], [])
    drawn = hashlib.shake_256(json.dumps(list(cells)).encode("ascii")).digest(len(cells) // 8 + 1)
    for row, cell in enumerate(cells):
        chooses = drawn[row // 8] >> (7 - row % 8) & 1
        found[1 - chooses].append(cell)
    return found
