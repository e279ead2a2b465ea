"""Counts of a histogram as a short text: what is left of each count after a guess, in exponential Golomb codes.

::

    "256 m3 39 q83…"     256 counts, guessed by the mean, k = 3, the mean is 39
    "256 p3 12 q83…"     each guessed by the previous count, the first of them is 12

Both guesses leave noise, about √count of a pane that is as the reference; the second one does so after a drift, too.
Bins are many and noise has few bits, so a count takes 4 bits at 2,000 rows over 256 bins and 11 bits at a million.

**The bits**, highest first, in Base64 (RFC 4648) without padding; the last byte is filled up with zeros. A difference
d is first made non-negative (zigzag): z = 2 d where d ≥ 0, else -2 d - 1. Then y = z + 2**k has 1 + k + g bits. First
come all g in unary, g zeros and a one each; then of all y the k + g bits below the highest one. This is the
exponential Golomb code of order k (J. Teuhola, "A compression method for clustered bit-vectors", Information
Processing Letters 7, 1978; ITU-T H.264, 9.1), with its two halves apart so that both are read without a loop.

**k and the guess** minimise nothing, they follow from the counts by a cheap rule, so that equal counts give equal
texts: the guess whose z have fewer bits together, the mean if they are equal; k is the mean number of bits of a z,
minus a half, rounded down. Over 256 bins of normal features that drift or not, from 50 to a million rows, this is
within 2.3 % of the best k.

**Bound:** a z of B bits takes at most 1 + k + 2 max(0, B - k) of them. With b the mean of B over n counts, the Base64
has at most n (1 + 3 b) / 6 + 3 characters, and what stands before it at most 25 and the digits of n.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.panes.bit_fields import WIDEST, read_fields, write_fields
from tiltmeter.events.columns import Int64

#: Counts beyond cannot be packed: up to here floats tell how many bits a difference has.
MOST_PACKED = 1 << 50
_MEAN, _PREVIOUS = "m", "p"


def pack(several: Sequence[Int64]) -> list[str]:
    """Each int64[n ≥ 1], of counts between ±MOST_PACKED, as a text. About 9 µs for one of 20 histograms of 256 bins,
    70 µs for a single one."""
    sizes = np.array([counts.size for counts in several])
    first = np.cumsum(sizes) - sizes
    base, by_previous, z, k = _differences(np.concatenate(several), first, sizes)
    order = np.repeat(k, sizes)
    y = z + (1 << order)
    widths = _bit_lengths(y) - 1
    zeros = widths - order
    unary, bits = (np.add.reduceat(part, first) for part in (zeros + 1, widths))
    lengths = (unary + bits + 7) // 8
    start = (np.cumsum(lengths) - lengths) * 8
    ones = _ends(zeros + 1, first, start, sizes) - 1
    bodies = _ends(widths, first, start + unary, sizes) - widths
    raw = write_fields(
        int(lengths.sum()) * 8,
        np.concatenate((ones, bodies)),
        np.concatenate((np.ones_like(ones), widths)),
        np.concatenate((np.ones_like(ones), y - (1 << widths))),
    )
    heads = zip(*(part.tolist() for part in (sizes, by_previous, k, base, start // 8, lengths)), strict=True)
    return [
        f"{n} {_PREVIOUS if previous else _MEAN}{order} {known} {_base64(raw[begin : begin + length])}"
        for n, previous, order, known, begin, length in heads
    ]


def unpack(texts: Sequence[str]) -> list[Int64]:
    """The counts of each text; ValueError where one is none. About 9 µs for one of 20 texts."""
    heads = [_head(text) for text in texts]
    raw = b"".join(body for *_, body in heads)
    sizes, previous, k, base = (np.array(part, dtype=np.int64) for part in list(zip(*heads, strict=True))[:4])
    lengths = np.array([len(body) * 8 for *_, body in heads])
    end = np.cumsum(lengths)
    start = end - lengths
    ones = np.flatnonzero(np.unpackbits(np.frombuffer(raw, dtype=np.uint8)).view(np.bool_))
    begin = ones.searchsorted(start)
    _check(texts, ones.searchsorted(end) - begin >= sizes, "it ends too early")
    first = np.cumsum(sizes) - sizes
    ones = ones[np.arange(sizes.sum()) + np.repeat(begin - first, sizes)]
    widths = np.diff(ones, prepend=0) - 1 + np.repeat(k, sizes)
    widths[first] = ones[first] - start + k
    _check(texts, np.maximum.reduceat(widths, first) <= WIDEST, "a count is too large")
    unary_end = ones[first + sizes - 1] + 1
    left = end - unary_end - np.add.reduceat(widths, first)
    _check(texts, (left >= 0) & (left < 8), "its length does not fit its counts")
    bodies = _ends(widths, first, unary_end, sizes) - widths
    z = read_fields(raw, bodies, widths) + (1 << widths) - np.repeat(1 << k, sizes)
    differences = (z >> 1) ^ -(z & 1)
    sums = _ends(differences, first, np.zeros_like(first), sizes)
    counts = np.repeat(base, sizes) + np.where(np.repeat(previous, sizes), sums, differences)
    return [counts[begin : begin + size] for begin, size in zip(first.tolist(), sizes.tolist(), strict=True)]


def _differences(counts: Int64, first: Int64, sizes: Int64) -> tuple[Int64, Int64, Int64, Int64]:
    """(base, whether guessed by the previous count, z, k): z per count, the others per histogram."""
    mean = np.add.reduceat(counts, first) // sizes
    steps = np.diff(counts, prepend=0)
    steps[first] = 0
    both = np.stack((counts - np.repeat(mean, sizes), steps))
    both = (both << 1) ^ (both >> 63)
    bits = np.add.reduceat(_bit_lengths(both), first, axis=1)
    by_previous = bits[1] < bits[0]
    z = np.where(np.repeat(by_previous, sizes), both[1], both[0])
    k = np.maximum((2 * bits.min(axis=0) - sizes) // (2 * sizes), 0)
    return np.where(by_previous, counts[first], mean), by_previous.astype(np.int64), z, k


def _bit_lengths(numbers: Int64) -> Int64:
    """Of numbers from 0 up to 2**53; 0 has none."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)


def _ends(widths: Int64, first: Int64, start: Int64, sizes: Int64) -> Int64:
    """Bit behind each of the fields that follow each other from ``start`` on: sums that begin anew with each
    histogram."""
    ends = np.cumsum(widths)
    return ends + np.repeat(start - ends[first] + widths[first], sizes)


def _base64(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).rstrip(b"=").decode()


def _head(text: str) -> tuple[int, bool, int, int, bytes]:
    """(number of counts, whether guessed by the previous count, k, base, the bits)."""
    if not isinstance(text, str):
        raise _malformed(str(text), "it is no text")
    try:
        size, how, base, body = text.split(" ")
        n, guess, k, known = int(size), how[:1], int(how[1:]), int(base)
        raw = a2b_base64(body + "=" * (-len(body) % 4), strict_mode=True)
    except ValueError as error:  # also what is wrong with the Base64
        raise _malformed(text, str(error)) from error
    if guess not in (_MEAN, _PREVIOUS) or not 0 <= k < WIDEST or not -MOST_PACKED <= known <= MOST_PACKED:
        raise _malformed(text, "its head has another form")
    if not 1 <= n <= 8 * len(raw):
        raise _malformed(text, "its length does not fit its counts")
    return n, guess == _PREVIOUS, k, known, raw


def _check(texts: Sequence[str], good: NDArray[np.bool_], what: str) -> None:
    if not good.all():
        raise _malformed(texts[int(good.argmin())], what)


def _malformed(text: str, what: str) -> ValueError:
    return ValueError(
        f"packed counts {text[:60]!r}: {what}. Expected are a size, m or p with an order, a base and Base64, as the "
        "schema of panes describes them; who wrote this pane?"
    )
