"""Every measure of a feature's drift, for whoever compares them with another tool. Nothing alarms on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeVar

from tiltmeter.core.drift.further_measures import FurtherMeasures
from tiltmeter.core.drift.normal_scores import two_sided_p_value
from tiltmeter.core.watch.compared import Compared

T = TypeVar("T")


def all_measures(compared: Compared[T], total: T) -> Iterator[tuple[str, dict[str, Any]]]:
    """By name, of every distribution of which a sum of panes has counted anything; null where a side is empty."""
    effects = dict(compared.effects(total))
    for name, further in compared.further(total, dict(compared.drifts(total))):
        sizes = effects[name]
        yield (
            name,
            {
                "psi": _number(sizes.psi),
                "jensen_shannon": _number(sizes.jensen_shannon),
                "wasserstein": None if sizes.wasserstein is None else _number(sizes.wasserstein),
                "kullback_leibler": _number(further.kullback_leibler),
                "hellinger": _number(further.hellinger),
                **_tests(further),
            },
        )


def _tests(further: FurtherMeasures) -> dict[str, Any]:
    """``ks_p_value`` as [at least, at most]."""
    chi, z = further.chi_square, further.normal_scores_z
    return {
        "chi_square": None
        if chi is None
        else {"statistic": chi.statistic, "degrees": chi.degrees, "p_value": chi.p_value},
        "normal_scores": None
        if z is None or not math.isfinite(z)
        else {"z": z, "p_value": two_sided_p_value(z)},
        "ks_p_value": None if further.ks_p_value is None else [_number(p) for p in further.ks_p_value],
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
