"""The bytes of what waits in the pending store: fixed-width rows, so that a batch of them is one numpy array.

The first byte is the version of the form. Rows of another form are refused, not guessed at.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tiltmeter.events.columns import CLASS_BYTES

_CLASS = f"S{CLASS_BYTES}"

#: A prediction that no label has reached.
PREDICTION: Final = np.dtype(
    [
        ("form", "u1"),
        ("kind", "u1"),
        ("ok", "u1"),
        ("group", "<u4"),
        ("weight", "<u4"),
        ("at", "<i8"),
        ("seen", "<i8"),  # watermark of the predictions partition at this record, lifts included
        ("natural", "<i8"),  # the same without lifts
        ("digest", "<u8"),
        ("label", _CLASS),
        ("value", "<f8"),
        ("score", "<f8"),
    ]
)
#: What a labelled prediction carries behind its PREDICTION row.
TRUTH: Final = np.dtype(
    [
        ("label", _CLASS),
        ("value", "<f8"),
        ("known", "<i8"),  # the time that placed the label in its pane
        ("pane", "<i8"),  # start of the label pane that counted it first
        ("revision", "<i8"),
        ("lifted", "u1"),  # a lift had a part in it, and so in what further labels are judged by
    ]
)
#: Feedback whose prediction has not come; a key's value is one or more of these, in log order.
FEEDBACK: Final = np.dtype(
    [
        ("form", "u1"),
        ("kind", "u1"),
        ("at", "<i8"),
        ("seen", "<i8"),
        ("natural", "<i8"),
        ("label", _CLASS),
        ("value", "<f8"),
        ("revision", "<i8"),
        ("propensity", "<f8"),
    ]
)
#: 2: feedback carries its propensity.
FORM: Final = 2


class RowFormError(ValueError):
    """Rows that another version of Tiltmeter wrote. Operator action: run that version, or begin anew, with an empty
    ``state_dir`` and another ``topic_prefix``: the source topics are read again as far as they reach."""


def split_rows(rows: NDArray[Any]) -> list[bytes]:
    """One bytes object per row of a structured array."""
    raw, width = rows.tobytes(), rows.dtype.itemsize
    return [raw[i : i + width] for i in range(0, len(raw), width)]


def parse_rows(values: list[bytes], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read values of exactly one row each back as a structured array. :class:`RowFormError` for another form."""
    raw = b"".join(values)
    if values and values[0][0] != FORM:
        raise RowFormError(f"a row of form {values[0][0]} waits in the store; this version reads form {FORM}")
    return np.frombuffer(raw, dtype=dtype)
