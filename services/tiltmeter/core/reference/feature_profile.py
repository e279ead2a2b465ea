"""How one feature, one output or the labels of a reference are distributed, and how that is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tiltmeter.events.columns import Float64, Int64


class ReferenceFormatError(ValueError):
    """A document that is not a reference. Operator action: build it again with ``tiltmeter reference
    build``."""


@dataclass(frozen=True, slots=True, eq=False)
class NumericFeature:
    """``edges`` float64[E] and ``counts`` int64[E+1] over the finite values (see ``core.histogram``).
    ``minimum`` and ``maximum`` bound them; without a finite value they are inf and -inf, so that nothing is
    in range. ``phi``: over-dispersion of panes, ≥ 1; None: to be learned from live panes."""

    edges: Float64
    counts: Int64
    missing: int
    nonfinite: int
    minimum: float
    maximum: float
    phi: float | None = None


@dataclass(frozen=True, slots=True)
class CategoricalFeature:
    """The most frequent categories, at most 100; ``other`` counts the rows of all the rest.

    Names are chosen on one half of the rows and everything here is counted on the other half, ``missing`` too: given
    the names, the counts are those of an honest sample, of which bounds for shares hold (``name_choice.py``). So
    categories + other + missing are about half of the reference's ``rows``, and the denominator of this feature's
    rates. A name may have the count 0. Where no row was counted nothing is known, as of a feature without rows.
    """

    categories: Mapping[str, int]
    other: int
    missing: int
    phi: float | None = None


Profile = NumericFeature | CategoricalFeature


def profile_to_wire(profile: Profile | None) -> dict[str, Any] | None:
    if isinstance(profile, NumericFeature):
        return {
            "kind": "numeric",
            "edges": profile.edges.tolist(),
            "counts": profile.counts.tolist(),
            "missing": profile.missing,
            "nonfinite": profile.nonfinite,
            "minimum": profile.minimum if math.isfinite(profile.minimum) else None,
            "maximum": profile.maximum if math.isfinite(profile.maximum) else None,
            **({} if profile.phi is None else {"phi": profile.phi}),
        }
    return {"kind": "categorical", **without_none(asdict(profile))} if profile else None


def profile_from_wire(name: str, wire: Mapping[str, Any]) -> Profile:
    """Raises :class:`ReferenceFormatError`, which says ``name``, where the parts do not fit together."""
    if wire["kind"] == "categorical":
        return CategoricalFeature(wire["categories"], wire["other"], wire["missing"], wire.get("phi"))
    if wire["kind"] != "numeric":
        raise ReferenceFormatError(f"{name}: unknown kind {wire['kind']!r}")
    edges = np.array(wire["edges"], dtype=np.float64)
    counts = np.array(wire["counts"], dtype=np.int64)
    if counts.size != edges.size + 1 or (counts < 0).any() or not (edges[1:] > edges[:-1]).all():
        raise ReferenceFormatError(f"{name}: {counts.size} counts do not fit {edges.size} ascending edges")
    low = math.inf if wire["minimum"] is None else wire["minimum"]
    high = -math.inf if wire["maximum"] is None else wire["maximum"]
    return NumericFeature(edges, counts, wire["missing"], wire["nonfinite"], low, high, wire.get("phi"))


def without_none(wire: dict[str, Any]) -> dict[str, Any]:
    """Optional fields that are not there leave no trace: the ids of references without them stay what they were."""
    return {name: value for name, value in wire.items() if value is not None}
