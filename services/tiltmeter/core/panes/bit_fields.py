"""Whole numbers of any width at any bit of a text of bytes, written and read by a dozen numpy calls for all of them.

Bit 0 is the highest bit of the first byte, and a field's highest bit comes first.
"""

from __future__ import annotations

import numpy as np

from tiltmeter.events.columns import Int64

#: A field starts up to 7 bits into the first of 8 bytes.
WIDEST = 57
_WORD = 64


def write_fields(bits: int, places: Int64, widths: Int64, values: Int64) -> bytes:
    """``values`` int64[n], each below 2**width, as fields of ``widths`` bits (0 to 57) from bit ``places`` on; all
    other of the ``bits`` are 0. The fields must not overlap: they are added."""
    words = np.zeros(bits // _WORD + 2, dtype=np.uint64)
    at, room = places >> 6, _WORD - (places & 63) - widths  # words of 64 bits; what is left behind the field
    over = np.maximum(-room, 0).astype(np.uint64)  # bits of the field that belong to the next word
    fields = values.astype(np.uint64)
    np.add.at(words, at, (fields >> over) << np.maximum(room, 0).astype(np.uint64))
    cut = np.flatnonzero(room < 0)
    np.add.at(words, at[cut] + 1, fields[cut] << (_WORD - over[cut]))
    return words.astype(">u8").tobytes()[: (bits + 7) // 8]


def read_fields(raw: bytes, places: Int64, widths: Int64) -> Int64:
    """int64[n]: inverse of :func:`write_fields`. Bits beyond the end of ``raw`` are 0; a place at its end is the
    last one allowed."""
    windows = np.ndarray(
        (len(raw) + 1,), ">u8", raw + bytes(8), strides=(1,)
    )  # eight bytes from each byte on
    found = windows[places >> 3].astype(np.uint64) << (places & 7).astype(np.uint64)
    last = (_WORD - 1 - widths).astype(np.uint64)
    fields: Int64 = ((found >> np.uint64(1)) >> last).astype(np.int64)  # in two steps: by 64 is undefined
    return fields
