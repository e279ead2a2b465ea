"""A reference as text for a terminal."""

from __future__ import annotations

import math

import numpy as np

from tiltmeter.core.reference.profile import (
    LABEL,
    OUTPUT,
    CategoricalFeature,
    NumericFeature,
    Performance,
    Profile,
    ReferenceProfile,
)
from tiltmeter.events.columns import Float64

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 16
_HEADER = ("column", "kind", "rows", "missing", "min", "median", "max", "distribution")


def describe(profile: ReferenceProfile) -> str:
    """One line per column: rows, missing, minimum, median, maximum and a histogram of 16 bars.

    The bars of a number cover its 1 % to 99 % quantiles, so that one outlier does not flatten the rest; those
    of categories are the most frequent first, and the median's place says how many there are. Rows and missing of
    categories are those of the half that was counted; the other half chose the names.
    """
    lines: list[tuple[str, ...]] = [_HEADER]
    lines += [_line(name, feature) for name, feature in profile.features.items()]
    labels = profile.performance.label_profile() if profile.performance else None
    for name, output in ((OUTPUT, profile.prediction), (LABEL, labels), ("(score)", profile.score)):
        if output is not None:
            lines.append(_line(name, output))
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADER))]
    aligned = [
        "  ".join(
            cell.ljust(w) if i in (0, 1, 7) else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    head = f"{profile.reference_id}  {_subject(profile)}  {profile.rows:,} rows"
    told = [head, _performance(profile.performance), "", *(line.rstrip() for line in aligned)]
    if any(kind == "category" for _, kind, *_ in lines):
        told += [
            "",
            "Categories are counted on about half of the rows: the other half has chosen their names.",
        ]
    return "\n".join(told)


def _subject(profile: ReferenceProfile) -> str:
    return " ".join(filter(None, (profile.model, profile.version, profile.segment)))


def _performance(performance: Performance | None) -> str:
    if performance is None or not performance.labelled:
        return "no labelled predictions: accuracy cannot be watched"
    n = performance.labelled
    if performance.task == "classification":
        classes = f"{len(performance.classes)} classes"
        return f"classification, {classes}: accuracy {1 - performance.errors / n:.4f} on {n:,} labelled rows"
    mean = performance.absolute_error_sum / n
    return f"regression: mean absolute error {mean:.4g} (cap {performance.cap:.4g}) on {n:,} labelled rows"


def _line(name: str, profile: Profile) -> tuple[str, ...]:
    if isinstance(profile, CategoricalFeature):
        return _categorical_line(name, profile)
    rows = int(profile.counts.sum())
    if rows == 0:
        return name, "number", "0", f"{profile.missing:,}", "", "", "", ""
    median = _quantile(profile, 0.5)
    numbers = (f"{value:.4g}" for value in (profile.minimum, median, profile.maximum))
    return name, "number", f"{rows:,}", f"{profile.missing:,}", *numbers, _bars(_equal_widths(profile))


def _categorical_line(name: str, profile: CategoricalFeature) -> tuple[str, ...]:
    counts = sorted(profile.categories.values(), reverse=True)
    rows = sum(counts) + profile.other
    many = f"{len(counts)}{'+' if profile.other else ''} categories"
    bars = _bars(np.array(counts[:_WIDTH], dtype=np.float64))
    return name, "category", f"{rows:,}", f"{profile.missing:,}", "", many, "", bars


def _quantile(profile: NumericFeature, share: float) -> float:
    """The upper edge of the bin that holds it: at most one bin too high, exact for the median of 256 bins."""
    cumulative = np.cumsum(profile.counts)
    place = int(np.searchsorted(cumulative, math.ceil(share * int(cumulative[-1])), side="left"))
    return float(profile.edges[place]) if place < profile.edges.size else profile.maximum


def _equal_widths(profile: NumericFeature) -> Float64:
    low, high = _quantile(profile, 0.01), _quantile(profile, 0.99)
    if not high > low:
        return np.ones(1)
    points = np.concatenate([[min(profile.minimum, low)], profile.edges, [max(profile.maximum, high)]])
    below = np.concatenate([[0.0], np.cumsum(profile.counts)])
    grid = np.linspace(low, high, _WIDTH + 1)
    grid[0] = np.nextafter(low, -np.inf)  # an atom at the lower end belongs to the first bar
    bars: Float64 = np.diff(np.interp(grid, points, below))
    return bars


def _bars(heights: Float64) -> str:
    top = float(heights.max()) if heights.size else 0.0
    if top <= 0:
        return ""
    # The highest is the last bar, the least that is not nothing the first; nothing is a space.
    return "".join(
        _BARS[math.ceil(height / top * len(_BARS)) - 1] if height > 0 else " " for height in heights.tolist()
    )
