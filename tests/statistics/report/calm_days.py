"""What calm days without an alarm prove by themselves, apart from any theory: the bound of Poisson counts.

k alarms in T days: with 95 % certainty the mean of the count is at most U(k), the Poisson mean under which so few are
seen in one of twenty cases (U(0) = ln 20 = 3.0; Garwood 1936), and so the rate at most U(k) / T a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scipy.stats import chi2

from report import false_alarms, label_alarms
from report.markdown import table
from report.scene import LEARNING, ON_FEATURES, PANES_PER_DAY, POLICY
from report.tasks import Result
from tiltmeter.core.verdicts.budget import Budget

_CERTAINTY = 0.95
_BUDGET = Budget.of(POLICY)
_TOGETHER = "both together"


@dataclass(frozen=True)
class Calm:
    """``budget_days``: one false alarm in so many on average; None: no budget. ``days``: of panes in which an alarm
    was possible."""

    title: str
    budget_days: float | None
    days: float
    alarms: int

    @property
    def proved_days(self) -> float:
        """At most one false alarm in so many days, with 95 % certainty."""
        return self.days / (float(chi2.ppf(_CERTAINTY, 2 * (self.alarms + 1))) / 2.0)


def _days(runs: Iterable[Result]) -> float:
    """While over-dispersion is being learned nothing warns: those panes do not count."""
    return sum(float(run["days"]) - LEARNING / PANES_PER_DAY for run in runs)


def _family(family: str, severity: str = "warning") -> float:
    """Days of one false alarm of all of a family's detectors."""
    parts = [part for part in _BUDGET.parts(severity) if part.family == family]
    return parts[0].budget_days / sum(part.share for part in parts)


def rows(results: dict[str, Result]) -> Iterator[Calm]:
    features = [run["ours"] for run in false_alarms.found(results).values()]
    labels = [run["ours"] for run in label_alarms.found(results).values()]
    of_features = sum(ours.get("tuned", ours["default"])[key] for ours in features for key in ON_FEATURES)
    of_labels = {key: sum(ours[key] for ours in labels) for key in ("error", "large_error", "gate")}
    feature_days = _days(false_alarms.found(results).values())
    label_days = _days(label_alarms.found(results).values())
    drifting, worse = _family("features"), _family("performance")
    yield Calm("features", drifting, feature_days, of_features)
    yield Calm("performance, warning", worse, label_days, of_labels["error"])
    # A version has features and labels. Of two rates the sum, counted over at least T days each, has T's bound.
    both = 1.0 / (1.0 / drifting + 1.0 / worse)
    yield Calm(_TOGETHER, both, min(feature_days, label_days), of_features + of_labels["error"])
    critical = _family("performance", "critical")
    yield Calm("performance, critical", critical, label_days, of_labels["large_error"])
    yield Calm("ADWIN gate (heuristic)", None, label_days, of_labels["gate"])


def together(results: dict[str, Result]) -> Calm:
    """Of features and performance."""
    return next(row for row in rows(results) if row.title == _TOGETHER)


def markdown(results: dict[str, Result]) -> str:
    head = ["alerts", "calm days", "false alarms", "so at most one in … days (95 %)", "budget: one in … days"]
    return table(
        head,
        [
            [
                row.title,
                f"{row.days:.0f}",
                f"{row.alarms:,}",
                f"{row.proved_days:.0f}",
                "none" if row.budget_days is None else f"{row.budget_days:,.0f}",
            ]
            for row in rows(results)
        ],
    )
