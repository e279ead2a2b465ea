"""The three spellings of a histogram's counts in JSON.

| name | is | the shortest for |
|---|---|---|
| ``bins`` | every count | a few bins |
| ``sparse`` | size, index, count, index, count, … of what is not 0 | a few values |
| ``packed`` | a text (:mod:`packed_counts`) | most of what a closed pane has counted |

Which one is used follows from the counts alone, because equal panes must be equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from tiltmeter.core.panes.packed_counts import MOST_PACKED, pack, unpack
from tiltmeter.events.columns import Int64

#: Up to so many values it is sparse if less than half of the bins are filled, whatever is shorter: the parts that a
#: batch over many models adds to its panes are of this kind, and take no numpy call.
FEW = 32


def few_to_wire(size: int, places: list[int]) -> list[int] | None:
    """``sparse`` of the bin of each value, if it is that what :func:`histograms_to_wire` gives for their counts."""
    if len(places) > FEW or len(places) * 2 >= size:
        return None
    runs: list[int] = []
    for place in sorted(places):
        if runs and runs[-2] == place:
            runs[-1] += 1
        else:
            runs += (place, 1)
    return [size, *runs]


def histograms_to_wire(several: Sequence[Int64]) -> list[dict[str, Any]]:
    """Each int64[n ≥ 1] in its shortest spelling; the first one in the table if some are equally short."""
    if not several:
        return []
    sizes = np.array([counts.size for counts in several])
    first = np.cumsum(sizes) - sizes
    amounts = np.abs(np.concatenate(several))
    filled = np.add.reduceat((amounts != 0).astype(np.int64), first).tolist()
    few = np.add.reduceat(amounts.astype(np.float64), first) <= FEW  # huge counts may be more than an int64
    packable = np.flatnonzero(~few & (np.maximum.reduceat(amounts, first) <= MOST_PACKED)).tolist()
    packed: dict[int, str] = {}
    if packable:
        packed = dict(zip(packable, pack([several[at] for at in packable]), strict=True))
    wires = []
    for at, (counts, is_few) in enumerate(zip(several, few.tolist(), strict=True)):
        wires.append(unpacked_to_wire(counts) if is_few else _shortest(counts, filled[at], packed.get(at)))
    return wires


def unpacked_to_wire(counts: Int64) -> dict[str, Any]:
    """int64[n] as sparse if less than half of the bins are filled, else bins: longer, and ten times as fast for one
    histogram alone."""
    return _sparse(counts) if int(np.count_nonzero(counts)) * 2 < counts.size else _bins(counts)


def _shortest(counts: Int64, filled: int, packed: str | None) -> dict[str, Any]:
    if packed is None:
        return min(_bins(counts), _sparse(counts), key=_length)
    # Each count and its comma are two characters at least, with its index and comma four.
    if len(packed) + 2 < min(2 * counts.size + 1, 4 * filled):
        return {"packed": packed}
    return min(_bins(counts), _sparse(counts), {"packed": packed}, key=_length)


def _length(wire: dict[str, Any]) -> int:
    return len(orjson.dumps(*wire.values()))


def _bins(counts: Int64) -> dict[str, Any]:
    return {"bins": counts.tolist()}


def _sparse(counts: Int64) -> dict[str, Any]:
    (places,) = counts.nonzero()
    return {"sparse": [counts.size, *np.column_stack((places, counts[places])).ravel().tolist()]}


def histograms_from_wire(wires: Sequence[Mapping[str, Any]]) -> list[Int64 | None]:
    """The counts that each has; None: it has no histogram. ValueError if what should be ``packed`` is not."""
    found: list[Int64 | None] = [None] * len(wires)
    packed = []
    for at, wire in enumerate(wires):
        if "packed" in wire:
            packed.append(at)
        elif "bins" in wire:
            found[at] = np.array(wire["bins"], dtype=np.int64)
        elif "sparse" in wire:
            size, *pairs = wire["sparse"]
            bins = found[at] = np.zeros(size, dtype=np.int64)
            bins[np.array(pairs[::2], dtype=np.int64)] = pairs[1::2]
    if packed:
        for at, counts in zip(packed, unpack([wires[at]["packed"] for at in packed]), strict=True):
            found[at] = counts
    return found
