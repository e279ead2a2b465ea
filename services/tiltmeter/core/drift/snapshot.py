"""What a detector leaves behind and takes up again: a plain dict of JSON types, never a pickle.

Floats survive JSON exactly (shortest round-trip form), so a detector restored at any point goes on bit for
bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Snapshot = dict[str, Any]


class SnapshotMismatchError(ValueError):
    """The state belongs to another kind or configuration of detector: evidence gathered against one null says
    nothing about another. Operator action: none; the caller starts the detector afresh."""


def require(snapshot: Mapping[str, Any], **expected: object) -> None:
    """Raise :class:`SnapshotMismatchError` unless ``snapshot`` holds these values; floats may differ by 1e-9, as
    the same bound does when two versions of scipy compute it."""
    for name, value in expected.items():
        held = snapshot.get(name)
        close = (
            isinstance(value, float) and isinstance(held, float) and math.isclose(value, held, rel_tol=1e-9)
        )
        if held != value and not close:
            raise SnapshotMismatchError(f"{name} is {held!r} in the state, {value!r} here")
