"""Which categories keep their name, and how often each came: two questions, answered by different rows.

The most frequent categories of a sample hold more of the sample than of the population, and those that are left
over less. Bounds for a share (Clopper-Pearson, Hoeffding) ask that what is counted was fixed before the sample was
seen. So one half of the rows chooses the names and only the other half is counted: sample splitting (Cox 1975). The
price is that bounds are those of half the rows, sqrt(2) times as wide.

The halves are drawn at random. Every second row would not do: in a file that is sorted by the column each half then
holds nearly half of every category, so that the one half knows what the other will count; and in one of matched
pairs each half would hold one kind. Drawn at random they are independent samples in any order. The draw's seed is
the column itself: equal columns give equal references, and no draw is unlucky for all files that are sorted alike.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.reference.profile import CategoricalFeature

#: Categories and classes kept by name; the rest is counted together.
TOP = 100


def choosing_rows(values: Sequence[str | None]) -> NDArray[np.bool_]:
    """bool[n]: the rows that choose names; the others are counted. The bits, highest first, of SHAKE-256 of the
    column as JSON: the same on every machine."""
    n = len(values)
    drawn = hashlib.shake_256(json.dumps(values).encode()).digest(-(-n // 8))
    return np.unpackbits(np.frombuffer(drawn, dtype=np.uint8), count=n).astype(np.bool_)


def most_frequent(counts: Mapping[str, int], most: int = TOP) -> list[str]:
    """At most ``most`` names; of equally frequent ones the first in the alphabet."""
    return sorted(counts, key=lambda name: (-counts[name], name))[:most]


def counted(names: Iterable[str], counts: Mapping[str, int], present: int, rows: int) -> CategoricalFeature:
    """A profile under ``names``, which these ``counts`` must not have chosen. ``present`` of the counted ``rows`` had
    a category, whether ``counts`` name it or not."""
    known = {name: counts.get(name, 0) for name in sorted(names)}
    return CategoricalFeature(known, present - sum(known.values()), rows - present)


def categorical(values: Sequence[str | None]) -> CategoricalFeature:
    """The profile of a column of n cells, None where missing. Of a few rows it may be that none is counted."""
    chooses = choosing_rows(values).tolist()
    choosing = Counter(v for v, first in zip(values, chooses, strict=True) if first and v is not None)
    rest = [v for v, first in zip(values, chooses, strict=True) if not first]
    present = Counter(v for v in rest if v is not None)
    return counted(most_frequent(choosing), present, present.total(), len(rest))
