"""Evidence that was counted for more than it is, or that grew while nobody asked, must not alarm later.

The promise of an e-SR detector begins when its evidence is zero and the null holds. Where evidence is kept over a
change of the question, it starts far above zero, and the first calm pane may alarm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tiltmeter.core.panes.bounded_classes import folded
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import NumericFeature, Performance, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.drift_families import DriftFamilies, Kind
from tiltmeter.core.watch.label_timeline import LabelTimeline
from tiltmeter.core.watch.performance_watch import PerformanceWatch
from tiltmeter.core.watch.traffic import Traffic

WIDTH = 10_000
NO_LEARNING = Tolerances(learning_panes=0)
GOOD = Performance("classification", labelled=20_000, errors=1_000)


def key(number: int) -> PaneKey:
    return PaneKey(number * WIDTH, WIDTH, "m", "1", "")


def judged(timeline: LabelTimeline, number: int, outcomes: Outcomes) -> list[dict[str, Any]]:
    pane = LabelPane(key(number), cells={(0, 0): outcomes})
    return timeline.on_pane(pane, pane.total())


def labels(watch: PerformanceWatch, panes: range, wrong: int, of: int = 1_000) -> list[dict[str, Any]]:
    outcomes = Outcomes(n=of, confusion={("0", "0"): of - wrong, ("0", "1"): wrong})
    return [alert for number in panes for alert in watch.on_pane(key(number), outcomes)]


def test_losses_by_arrival_that_could_not_alarm_do_not_when_they_may_again() -> None:
    """maturity: a bad hour, a good one; then the operator sets labels = "arrival" again."""
    silent = PerformanceWatch(ModelPolicy(labels="maturity", tolerances=NO_LEARNING))
    silent.compare_with(GOOD)
    assert labels(silent, range(360), wrong=150) == []
    assert labels(silent, range(360, 420), wrong=50) == []
    asked = PerformanceWatch(ModelPolicy(tolerances=NO_LEARNING))
    asked.restore(silent.snapshot())
    assert labels(asked, range(420, 480), wrong=50) == []
    assert {a["severity"] for a in labels(asked, range(480, 500), wrong=150)} >= {"warning", "critical"}


def test_first_labels_are_no_reference_once_from_first_is_switched_off() -> None:
    learning = PerformanceWatch(ModelPolicy(from_first=5_000))
    labels(learning, range(1), wrong=2, of=7)
    off = PerformanceWatch(ModelPolicy())
    off.restore(learning.snapshot())
    labels(off, range(1, 3), wrong=0, of=1)
    assert off.reference is None


def bursts(families: DriftFamilies, profile: NumericFeature, panes: int, copies: int) -> list[dict[str, Any]]:
    random, told = np.random.default_rng(4), []
    window: Window[FeatureCounts] = Window(6, WIDTH, FeatureCounts)
    for number in range(panes):
        values = np.repeat(random.normal(size=600 // copies), copies)
        counts = FeatureCounts(bins=bin_counts(profile.edges, values))
        window.add(number * WIDTH, counts)
        told += families.on_pane(key(number), {"x": counts}, lambda _: window.total, lambda _: {"x"})
    return told


def test_what_was_found_before_overdispersion_was_known_is_counted_anew_if_it_is_larger() -> None:
    """Every value comes fifty times; until 200 panes have shown it, values count a tenth."""
    values = np.random.default_rng(3).normal(size=100_000)
    profile = build_reference({"x": values}, model="m", version="1").features["x"]
    assert isinstance(profile, NumericFeature)
    families = DriftFamilies(
        (Kind("features", "feature_drift", "(features)", {"x": profile}),), ModelPolicy()
    )
    told = bursts(families, profile, 320, copies=50)
    assert {a["severity"] for a in told} <= {"info"}
    phi = families.overdispersion()["x"]
    assert phi is not None
    assert 35 < phi < 75
    assert families.drifted() == {"x": 0}


def test_losses_in_bursts_do_not_page_at_the_end_of_learning() -> None:
    random = np.random.default_rng(12)
    told = []
    for _ in range(20):
        watch = PerformanceWatch(ModelPolicy(tolerances=Tolerances(learning_panes=50)))
        watch.compare_with(Performance("classification", labelled=200_000, errors=16_000))
        for number in range(60):
            wrong = 200 * int(random.binomial(5, 0.08))
            told += labels(watch, range(number, number + 1), wrong)
    assert [a for a in told if a["kind"] == "performance"] == []


def regression(error: float, start_ms: int, seed: int = 1) -> ReferenceProfile:
    random = np.random.default_rng(seed)
    truth = random.lognormal(3, 0.5, 20_000)
    return build_reference(
        {},
        model="m",
        version="1",
        predictions=truth + random.normal(0, error, truth.size),
        labels=truth,
        task="regression",
        effective_from_ms=start_ms,
    )


def test_a_reference_that_becomes_the_first_in_other_units_is_refused_and_ends_comparisons() -> None:
    later, earlier = regression(1.0, 5_000), regression(0.2, 0)
    book = ReferenceBook([later])
    assert "--like" in (book.changes_units(earlier) or "")
    assert book.changes_units(later) is None
    assert book.changes_units(regression(0.2, 9_000)) is None  # it does not become the first
    policy = ModelPolicy(task="regression", tolerances=NO_LEARNING)
    timeline = LabelTimeline(key(0), policy, book, Traffic())
    sums = [0] * len(SUMS)
    sums[SUMS.index("scored")] = 500
    outcomes = Outcomes(n=500, sums=sums, targets={3: 200, 250: 300})
    for number in range(1, 20):
        judged(timeline, number, outcomes)
    assert timeline.performance.reference == later.performance
    book.add(earlier)  # with --other-units
    told = judged(timeline, 20, outcomes)
    assert timeline.performance.reference is None
    assert timeline.drift is None
    assert {a["transition"] for a in told} <= {"resolved"}


def test_labels_over_bins_that_are_gone_are_left_out_and_stop_nobody() -> None:
    few = build_reference(
        {},
        model="m",
        version="1",
        predictions=np.repeat([1.0, 2.5, 4.0], 50),
        labels=np.repeat([1.0, 2.0, 4.5], 50),
        task="regression",
    )
    timeline = LabelTimeline(key(0), ModelPolicy(task="regression"), ReferenceBook([few]), Traffic())
    sums = [0] * len(SUMS)
    sums[SUMS.index("scored")] = 10
    judged(timeline, 1, Outcomes(n=10, sums=sums, targets={0: 4, 255: 6}))
    assert timeline.drift is not None
    assert timeline.drift.counts(timeline.total).values == 4


@pytest.mark.parametrize("late", [False, True])
def test_classes_of_a_reference_that_comes_after_a_hundred_others_keep_their_name(late: bool) -> None:
    random = np.random.default_rng(0)
    shares = np.full(200, 0.2 / 190)
    shares[:10] = 0.08
    names = [f"class{i}" for i in range(200)]
    rows = [names[i] for i in random.choice(200, 50_000, p=shares)]
    reference = build_reference({}, model="m", version="1", predictions=rows, labels=rows)
    book = ReferenceBook([] if late else [reference])
    timeline = LabelTimeline(key(0), ModelPolicy(tolerances=NO_LEARNING), book, Traffic())
    told = []
    for number in range(60):
        if late and number == 20:
            book.add(reference)
        counts: dict[tuple[str, str], int] = {}
        for i in random.choice(200, 2_000, p=shares).tolist():
            counts[names[i], names[i]] = counts.get((names[i], names[i]), 0) + 1
        first = timeline.first_performance
        if first is not None:  # as the join counts
            counts = folded(counts, frozenset(first.classes))
        told += judged(timeline, number, Outcomes(n=2_000, confusion=counts))
    assert told == []
