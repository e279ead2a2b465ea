"""The ages at which labels are judged, and how wide the cohorts are that are judged then.

A cohort is the predictions of one span of time. It is judged at maturity a once all of it is at least a old, by the
labels that came within a of their predictions: cohorts judged at one maturity have all had the same time to be
labelled, and so can be compared with each other, whatever the labels' delays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tiltmeter.core.panes.cohorts import AGE_LIMITS_MS, cohort_width_ms
from tiltmeter.core.policy import DAY, HOUR, MINUTE, SECOND, ModelPolicy

#: A pane that fits into no cohort but one wider than this (a pane of 7,777 ms, say) cannot be judged.
_WIDEST_MS = 31 * DAY
#: Cohorts by base width: how many of the last ones a gauge shows, and how many a baseline needs at least.
RECENT = {MINUTE: 60, HOUR: 24, DAY: 7}


@dataclass(frozen=True, slots=True)
class Maturity:
    """``buckets``: how many age buckets lie within ``age_ms``. ``cohort_ms`` is the smallest width in which both
    whole panes of predictions and whole cells of labels fit; ``recent`` cohorts of it span an hour, a day or a week,
    or more if panes are wider."""

    name: str
    age_ms: int
    buckets: int
    cohort_ms: int
    recent: int

    @property
    def cohorts_per_day(self) -> float:
        return DAY / self.cohort_ms


def maturities(policy: ModelPolicy) -> list[Maturity]:
    """Those of the policy that its panes allow, ascending by age. ValueError for an age that is no limit of an age
    bucket: labels within it cannot be told from those beyond."""
    found = []
    for age_ms in sorted(set(policy.maturities)):
        if age_ms not in AGE_LIMITS_MS:
            raise ValueError(
                f"maturity of {age_ms} ms: one of {', '.join(map(age_name, AGE_LIMITS_MS))} is needed"
            )
        base = cohort_width_ms(AGE_LIMITS_MS.index(age_ms))
        cohort_ms = math.lcm(base, policy.pane_ms)
        if cohort_ms <= _WIDEST_MS:
            buckets = AGE_LIMITS_MS.index(age_ms) + 1
            found.append(Maturity(age_name(age_ms), age_ms, buckets, cohort_ms, RECENT[base]))
    return found


def age_name(age_ms: int) -> str:
    """As an operator writes it: 5m, 1h, 30d."""
    units = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1, "ms"))
    unit, letter = next((unit, letter) for unit, letter in units if age_ms % unit == 0)
    return f"{age_ms // unit}{letter}"
