"""Which detector of a version or segment is nearest to an alarm, if any is near."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tiltmeter.core.reference.profile import OUTPUT
from tiltmeter.core.watch.joint_watch import OUTLIERS
from tiltmeter.core.watch.version_watch import VersionWatch

#: Evidence counts from half an alarm on: below, it comes and goes while nothing is wrong.
NEAR = 0.5
#: Evidence without bound is told as this, as in alerts.
_MOST = 1e6


class Leading(NamedTuple):
    """``ratio``: log evidence over log threshold, or proved distance over tolerance; 1 is an alarm. ``subject`` says
    in words of what."""

    ratio: float
    subject: str

    @property
    def hundredths(self) -> int:
        """What evidence is compared in: finer differences are noise, and whole numbers have ties that are ties."""
        return round(100 * self.ratio)


def leading_evidence(watch: VersionWatch) -> Leading | None:
    """None while nothing is near an alarm. Left out is what does not alarm however large it is: losses by arrival
    where labels are judged by maturity, losses whose over-dispersion is being learned, and correlations, whose
    evidence drift of the features alone moves, too."""
    return largest(near_evidence(watch))


def largest(evidence: Iterable[tuple[str, float]]) -> Leading | None:
    """Of (subject, ratio) from :data:`NEAR` on; the first name among equals. NaN is no evidence."""
    found = [Leading(min(ratio, _MOST), subject) for subject, ratio in evidence if ratio >= NEAR]
    return min(found, key=lambda one: (-one.hundredths, one.subject), default=None)


def near_evidence(watch: VersionWatch) -> Iterator[tuple[str, float]]:
    """(subject in words, ratio) of every detector whose evidence is an alarm from 1 on; of distributions, where it is
    costly, only from :data:`NEAR` on."""
    for _, subject, ratio in watch.labelled.performance.alarming_ratios():
        yield subject, ratio
    if watch.features is not None:
        window = watch.predictions[watch.policy.detection_window].total
        for name, ratio in watch.features.near_alarm(window, NEAR):
            yield f"drift of {'predictions' if name == OUTPUT else name}", ratio
    if watch.labelled.drift is not None:
        for _, ratio in watch.labelled.drift.near_alarm(NEAR):
            yield "drift of labels", ratio
    if watch.joint is not None and watch.policy.joint:
        yield "outliers", watch.joint.evidence()[OUTLIERS].ratio
    for name, ratio in watch.quality.evidence_ratios().items():
        yield f"data quality of {name}", ratio
    for matured in watch.late.matured:
        yield f"labels within {matured.maturity.name}", matured.shortfall.evidence().ratio
    if watch.late.errors is not None:
        for alarm in watch.late.errors.alarms.values():
            yield "mature_error_rate", alarm.evidence().ratio
    gap = watch.late.gap.evidence()
    if gap is not None:
        yield "realised_minus_expected", gap.ratio
