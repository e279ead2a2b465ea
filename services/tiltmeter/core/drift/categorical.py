"""Distance between the category shares of a window and of a reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tiltmeter.core.drift.ks import KsBudget
from tiltmeter.events.columns import Int64


@dataclass(frozen=True, slots=True)
class CategoricalDistance:
    """``largest`` = max_k |p_w - p_r| (L-infinity), ``total_variation`` = sum_k |p_w - p_r| / 2; NaN if a
    side is empty. Total variation is a gauge: by chance alone it grows like sqrt(K / n). ``most`` indexes the
    category that changed most."""

    largest: float
    total_variation: float
    most: int
    categories: int
    window_rows: int
    reference_rows: int


def aligned_counts(
    reference: Mapping[str, int], other: int, window: Mapping[str, int]
) -> tuple[list[str], Int64, Int64]:
    """(names, reference int64[K+1], window int64[K+1]): the reference's categories in order and, last and
    unnamed, everything else. ``other`` is what the reference counted beyond its categories."""
    names = sorted(reference)
    known = [window.get(name, 0) for name in names]
    rest = sum(window.values()) - sum(known)
    ours = np.array([*(reference[name] for name in names), other], dtype=np.int64)
    return names, ours, np.array([*known, rest], dtype=np.int64)


def categorical_distance(reference: Int64, window: Int64) -> CategoricalDistance:
    """``reference``, ``window``: int64[K] over the same categories."""
    n, m = int(window.sum()), int(reference.sum())
    if n == 0 or m == 0:
        return CategoricalDistance(math.nan, math.nan, 0, reference.size, n, m)
    change = np.abs(window / n - reference / m)
    half = float(change.sum()) / 2.0
    most = int(change.argmax())
    return CategoricalDistance(float(change[most]), half, most, reference.size, n, m)


def at_least(distance: CategoricalDistance, budget: KsBudget, phi: float = 1.0) -> float:
    """The population's L-infinity distance is at least this, under the budget's promise (see
    :class:`KsBudget`).

    largest - sqrt(ln(2 K / alpha) phi / (2 n)) - sqrt(ln(2 K d / delta_ref) / (2 m)): Hoeffding's inequality
    (1963, theorem 2) for each of K shares on both sides, and a union over them. For K ≤ 100 this is half the
    margin that DKW would give, which bounds a share as the difference of two values of the CDF. By Azuma it
    holds for dependent rows, too, as long as every conditional share stays within the tolerance.
    -inf if a side is empty.
    """
    n, m, k = distance.window_rows, distance.reference_rows, distance.categories
    if n == 0 or m == 0:
        return -math.inf
    by_window = math.sqrt(math.log(2.0 * k / budget.alpha) * phi / (2.0 * n))
    by_reference = math.sqrt(math.log(2.0 * k * budget.features / budget.delta_ref) / (2.0 * m))
    return distance.largest - by_window - by_reference
