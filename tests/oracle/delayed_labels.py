"""A year in small: a binary classifier whose labels take days, and longest where it was right to say no.

10 % of the cases are positive. A predicted positive is reviewed within about a day, a missed one is charged back
around day 12, and a true negative is confirmed by silence on day 30. Panes are made from columns of events here, not
by the join. The table of docs/late-labels.md:

    PYTHONPATH=services:tests python -m oracle.delayed_labels
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.late_labels.late_label_watch import LateLabelWatch
from tiltmeter.core.late_labels.nowcast import Nowcast
from tiltmeter.core.panes.answers import Answers
from tiltmeter.core.panes.cohorts import age_buckets, cohort_starts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import DAY, HOUR, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
START = 19_000 * DAY
PANE_MS = 6 * HOUR
KEY = PaneKey(START, PANE_MS, "fraud", "1", "")


@dataclass
class World:
    """``per_day(day)`` predictions; from ``worse_from`` on the model finds fewer positives; from ``slow_from`` on
    reviews of predicted positives take ten times as long; from ``right_slow_from`` on only those that find the model
    right."""

    days: int
    per_day: Callable[[int], float] = lambda _: 3_000.0
    worse_from: int = 10_000
    slow_from: int = 10_000
    right_slow_from: int = 10_000
    seed: int = 5
    at: Ints = field(init=False)
    known: Ints = field(init=False)
    said: Bools = field(init=False)
    truth: Bools = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        day = np.repeat(np.arange(self.days), [int(self.per_day(d)) for d in range(self.days)])
        n = day.size
        self.at = START + day * DAY + rng.integers(0, DAY, n)
        self.truth = rng.random(n) < 0.10
        worse = day >= self.worse_from
        found = rng.random(n) < np.where(worse, 0.60, 0.79)
        alarmed = rng.random(n) < np.where(worse, 0.08, 0.047)
        self.said = np.where(self.truth, found, alarmed)
        slow = (day >= self.slow_from) | ((day >= self.right_slow_from) & self.truth)
        review = rng.lognormal(0.0, 0.5, n) * np.where(slow, 10.0, 1.0)
        missed = np.clip(rng.normal(12.0, 3.0, n), 3.0, 29.0)
        delay = np.where(self.said, review, np.where(self.truth, missed, 30.0))
        self.known = self.at + (delay * DAY).astype(np.int64)

    @property
    def right(self) -> Bools:
        return self.said == self.truth

    def of_days(self, first: int, end: int) -> Bools:
        return (self.at >= START + first * DAY) & (self.at < START + end * DAY)

    def accuracy(self, first: int, end: int) -> float:
        """The truth about the predictions of these days."""
        return float(self.right[self.of_days(first, end)].mean())

    def by_arrival(self, first: int, end: int) -> float:
        """What is right among the labels that arrived on these days."""
        came = (self.known >= START + first * DAY) & (self.known < START + end * DAY)
        return float(self.right[came].mean())


def prediction_panes(world: World) -> Iterator[PredictionPane]:
    start = world.at // PANE_MS * PANE_MS
    for at in np.unique(start).tolist():
        said = world.said[start == at]
        pane = PredictionPane(KEY._replace(start_ms=at), events=said.size, weight=said.size)
        ones = int(said.sum())
        pane.answers = Answers({name: n for name, n in (("0", said.size - ones), ("1", ones)) if n})
        yield pane


def label_panes(world: World) -> Iterator[LabelPane]:
    """Until the last day of the world; what would come later is unknown."""
    end = START + world.days * DAY
    age = age_buckets(world.known - world.at)
    columns = np.stack(
        [world.known // PANE_MS * PANE_MS, cohort_starts(world.at, age), age, world.said, world.truth]
    )
    rows, counts = np.unique(columns[:, world.known < end], axis=1, return_counts=True)
    panes: dict[int, LabelPane] = {}
    for (at, cohort, bucket, said, truth), n in zip(rows.T.tolist(), counts.tolist(), strict=True):
        pane = panes.setdefault(at, LabelPane(KEY._replace(start_ms=at)))
        cell = pane.cells.setdefault((cohort, bucket), Outcomes())
        cell.add(Outcomes(n, n, {(str(said), str(truth)): n}))
    yield from (panes[at] for at in sorted(panes))


def watch(policy: ModelPolicy, references: ReferenceBook | None = None) -> LateLabelWatch:
    return LateLabelWatch(KEY, policy, references or ReferenceBook())


def run(
    seen: LateLabelWatch,
    world: World,
    rng: random.Random | None = None,
    between: Callable[[LateLabelWatch], LateLabelWatch] | None = None,
) -> tuple[list[dict[str, object]], LateLabelWatch]:
    """Both timelines, each in order, pane by pane together or in a random interleaving; ``between``: what happens
    after every step, a restart, say. Returns the alerts and the watch, at the end of the world."""
    left = {"prediction": list(prediction_panes(world)), "label": list(label_panes(world))}
    reached = dict.fromkeys(left, START)
    end = START + world.days * DAY
    alerts: list[dict[str, object]] = []
    while any(left.values()):
        kind = _next(left, rng)
        pane = left[kind].pop(0)
        if isinstance(pane, PredictionPane):
            seen.on_predictions(pane)
        else:
            seen.on_labels(pane)
        reached[kind] = left[kind][0].key.start_ms if left[kind] else end
        alerts += seen.advance(min(reached.values()))
        if between is not None:
            seen = between(seen)
    return alerts, seen


def _next(left: dict[str, list[PredictionPane] | list[LabelPane]], rng: random.Random | None) -> str:
    waiting = [kind for kind, panes in left.items() if panes]
    if rng is not None:
        return rng.choice(waiting)
    return min(waiting, key=lambda kind: (left[kind][0].key.start_ms, kind != "prediction"))


POLICY = ModelPolicy(
    pane_ms=PANE_MS,
    labels="maturity",
    maturities=(DAY, 7 * DAY, 14 * DAY, 30 * DAY),
    windows={"short": 4, "long": 40},
)
WORLDS = {
    "stationary": lambda: World(100),
    "growing": lambda: World(80, per_day=lambda day: 60 * 1.07**day),
    "worse": lambda: World(100, worse_from=86),
    "slow": lambda: World(100, slow_from=80),
}


def main() -> None:
    print("world       arrival   truth  at 7d   nowcast 7d (truth)  first alert: days after the change")
    for name, make in WORLDS.items():
        world = make()
        alerts, seen = run(watch(POLICY), world)
        at_7d = next(m.accuracy() for m in seen.matured if m.maturity.name == "7d")
        found: Nowcast = dict(seen.nowcasts())["7d"]
        days = world.days
        change = min(world.worse_from, world.slow_from)
        told = [f"{a['subject']} {(int(str(a['first_at'])) - START) / DAY - change:.1f}" for a in alerts[:1]]
        print(
            f"{name:10}  {world.by_arrival(days - 7, days):.3f}     {world.accuracy(days - 7, days):.3f}  {at_7d:.3f}"
            f"   {found.accuracy:.3f} ({world.accuracy(days - 14, days - 7):.3f})       {', '.join(told) or 'none'}"
        )


if __name__ == "__main__":
    main()
