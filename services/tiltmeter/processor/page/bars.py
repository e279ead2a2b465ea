"""A histogram over reference quantiles as some forty bars that an eye can compare.

Two hundred quantile bins are right for KS and unreadable as a picture: most are a hair wide, and bins that hold one
value are one float wide. Neighbours are put together until each bar is about a fortieth of the range; counts stay
exact, and whoever draws divides by the width, because widths differ.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tiltmeter.core.panes.histogram import atomic_mask
from tiltmeter.core.reference.profile import NumericFeature
from tiltmeter.events.columns import Float64, Int64

#: Bars of a picture, about.
BARS = 40
#: So many values, and no others, are drawn as named values, not as a distribution over the line.
FEW_VALUES = 12
#: A positive feature over more decades than this is drawn on a logarithmic axis.
LINEAR_RATIO = 100.0


class Bar(NamedTuple):
    """Rows of the reference and of the window with ``start < x ≤ end``."""

    start: float
    end: float
    reference: int
    current: int


def numeric_picture(profile: NumericFeature, window: Int64) -> dict[str, Any]:
    """``window``: int64[E+1] over the profile's edges. ``below`` and ``above`` count what lies outside all bars."""
    edges, counts = profile.edges, profile.counts
    if edges.size < 2:  # no bar has two ends
        return {"kind": "empty"}
    single = atomic_mask(edges)
    if int(counts[single].sum()) == int(counts.sum()) and single.sum() <= FEW_VALUES:
        return _values(edges, counts, window, np.flatnonzero(single))
    log = bool(edges[0] > 0 and edges[-1] / edges[0] > LINEAR_RATIO)
    fine = _fine_bars(edges, counts, window, log)
    return {
        "kind": "numeric",
        "scale": "log" if log else "linear",
        "bars": [list(bar) for bar in coarsened(fine, log)],
        "below": [int(counts[0]), int(window[0])],
        "above": [int(counts[-1]), int(window[-1])],
        "range": [max(fine[0].start, profile.minimum), min(fine[-1].end, profile.maximum)],
    }


def coarsened(fine: list[Bar], log: bool = False, bars: int = BARS) -> list[Bar]:
    """Neighbours put together until each is about 1/``bars`` of the range. Rows are kept, whatever the widths."""
    if not fine:
        return []
    target = (_place(fine[-1].end, log) - _place(fine[0].start, log)) / bars
    coarse: list[Bar] = []
    wide_enough = True
    for bar in fine:
        coarse.append(bar if wide_enough else _joined(coarse.pop(), bar))
        wide_enough = _width(coarse[-1], log) >= target * (1 - 1e-9)
    if len(coarse) > 1 and _width(coarse[-1], log) < target / 2:
        coarse[-2:] = [_joined(*coarse[-2:])]
    return coarse


def _fine_bars(edges: Float64, counts: Int64, window: Int64, log: bool) -> list[Bar]:
    """One bar per inner bin; a value that stands alone gets the empty room before it, so that whole numbers make
    bars one unit wide."""
    single = atomic_mask(edges)
    first = float(edges[0])
    if single[1]:
        value, after = float(edges[1]), float(edges[2]) if edges.size > 2 else float(edges[1]) + 1.0
        first = value * (value / after) if log else value - (after - value)
    bars: list[Bar] = []
    for j in range(1, edges.size):
        bar = Bar(float(edges[j - 1]), float(edges[j]), int(counts[j]), int(window[j]))
        if not bars:
            bar = bar._replace(start=first)
        elif single[j] and bars[-1].reference == 0:
            bar = _joined(bars.pop(), bar)
        bars.append(bar)
    return bars


def _values(edges: Float64, counts: Int64, window: Int64, places: Int64) -> dict[str, Any]:
    rows = [[f"{edges[j]:g}", int(counts[j]), int(window[j])] for j in places.tolist()]
    rest = int(window.sum() - window[places].sum())
    return {"kind": "categories", "rows": rows, "rest": [0, rest], "rest_of": 0}


def _joined(left: Bar, right: Bar) -> Bar:
    return Bar(left.start, right.end, left.reference + right.reference, left.current + right.current)


def _place(x: float, log: bool) -> float:
    return math.log10(x) if log else x


def _width(bar: Bar, log: bool) -> float:
    return _place(bar.end, log) - _place(bar.start, log)
