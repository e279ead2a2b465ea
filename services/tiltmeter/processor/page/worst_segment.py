"""Which segment of a version is worst, by what, and in which words. Values in, values out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from tiltmeter.core.watch.leading_evidence import Leading

#: Worst first.
SEVERITIES = ("critical", "warning", "info", "ok")


class Gap(NamedTuple):
    """How far a segment is behind the whole; only where chance does not explain it. ``excess`` is the difference of
    accuracies, or what the ratio of mean absolute errors has above 1."""

    measure: str  # accuracy | mean absolute error
    window: str
    here: float
    whole: float
    excess: float

    @property
    def thousandths(self) -> int:
        return round(1000 * self.excess)


class Standing(NamedTuple):
    """What is known of one segment. ``firing``: (kind, subject, severity) of its alerts. ``compared``: with its
    reference or with the whole, so that silence says something."""

    segment: str
    firing: Collection[tuple[str, str, str]] = ()
    leading: Leading | None = None
    gap: Gap | None = None
    compared: bool = True

    @property
    def severity(self) -> int:
        """Place in :data:`SEVERITIES` of the worst alert."""
        return min((SEVERITIES.index(severity) for *_, severity in self.firing), default=len(SEVERITIES) - 1)

    @property
    def evidence(self) -> int:
        """Hundredths of an alarm; 0 while none is near."""
        return 0 if self.leading is None else self.leading.hundredths

    @property
    def behind(self) -> int:
        return 0 if self.gap is None else self.gap.thousandths


def worst_first(standings: Collection[Standing]) -> list[Standing]:
    """By the severity of what fires, then by the largest evidence, then by the gap to the whole, then by name. All
    are compared as whole numbers, so the order is the same everywhere and changes only with what is shown."""
    return sorted(standings, key=lambda s: (s.severity, -s.evidence, -s.behind, s.segment))


def worst_segment(standings: Collection[Standing]) -> dict[str, Any]:
    """``by`` is alert, evidence or gap. Without such a reason no segment is worst: both are None then."""
    first = worst_first(standings)[0]
    if first.firing:
        return _told(first, "alert", _alerts(first.firing))
    if first.leading is not None:
        ratio, subject = first.leading
        return _told(first, "evidence", f"evidence {ratio:.2f} of an alarm on {subject}")
    if first.gap is not None and first.behind:
        return _told(first, "gap", _behind(first.gap))
    if not any(standing.compared for standing in standings):
        return _told(None, None, "nothing to compare yet")
    return _told(None, None, "none stands out")


def _told(worst: Standing | None, by: str | None, reason: str) -> dict[str, Any]:
    return {"segment": None if worst is None else worst.segment, "by": by, "reason": reason}


def _alerts(firing: Collection[tuple[str, str, str]]) -> str:
    """The most severe one; among equals lost performance first, by the name of the loss."""
    ranked = sorted(
        (SEVERITIES.index(severity), kind != "performance", kind, subject)
        for kind, subject, severity in firing
    )
    severity, other, kind, subject = ranked[0]
    more = f", and {len(ranked) - 1} more" if len(ranked) > 1 else ""
    return f"{kind.replace('_', ' ') if other else subject} {SEVERITIES[severity]} fires{more}"


def _behind(gap: Gap) -> str:
    here, whole = (f"{x:.3f}" if gap.measure == "accuracy" else f"{x:.4g}" for x in (gap.here, gap.whole))
    return f"{gap.measure} {here} against {whole} of all, {gap.window} window"
