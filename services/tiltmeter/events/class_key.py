"""The canonical bytes of a class label, so that a prediction and its label meet however each was written.

Services write the same class as ``1``, ``1.0``, ``true`` or ``"1"``, depending on which library turned it
into JSON. Values that are equal have equal keys, and a number has the key of its decimal text.
"""

from __future__ import annotations

import xxhash

from tiltmeter.events.columns import CLASS_BYTES

#: The class named by the empty string: b"" in a column means "not a class".
EMPTY_CLASS = b"(empty)"
_HASH_DIGITS = 8


def class_key(value: bool | float | str) -> bytes:
    """Between 1 and ``CLASS_BYTES`` bytes of UTF-8, never ending in NUL (fixed-width columns would drop it).

    >>> class_key(True), class_key(1.0), class_key("1"), class_key(0.5), class_key("")
    (b'1', b'1', b'1', b'0.5', b'(empty)')
    """
    if isinstance(value, str):
        return _text_key(value)
    if isinstance(value, float) and not value.is_integer():
        return repr(value).encode()  # 24 characters at most
    return _text_key(str(int(value)))


def _text_key(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= CLASS_BYTES and b"\0" not in raw:
        return raw or EMPTY_CLASS
    head = raw[: CLASS_BYTES - 1 - _HASH_DIGITS].decode("utf-8", "ignore").encode()
    return head + b"~" + xxhash.xxh32_hexdigest(raw).encode()
