"""What is read of a segment's watch: its evidence, its gap to the whole, and what /status.json says of both."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from browser.scene import Model, Worker
from tiltmeter.core.panes.fixed_point import ONE
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.watch.leading_evidence import NEAR, near_evidence
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.drift_samples import drift_parts
from tiltmeter.metrics.evidence_samples import evidence_samples
from tiltmeter.metrics.late_label_samples import late_label_samples
from tiltmeter.processor.page.segment_standing import gap_to
from tiltmeter.processor.page.worst_segment import Gap
from tiltmeter.processor.status import status

WIDTH = 10_000
POLICY = ModelPolicy(
    pane_ms=WIDTH,
    windows={"short": 6, "long": 60},
    segments={"country": ("DE",)},
    tolerances=Tolerances(min_samples=200),
)


def watch(segment: str, outcomes: Outcomes, at_ms: int = 0, task: str = "classification") -> VersionWatch:
    """One that has seen these labels in a pane."""
    made = VersionWatch(PaneKey(0, WIDTH, "m", "1", segment), replace(POLICY, task=task), ReferenceBook())
    for window in made.labelled.windows.values():
        window.add(at_ms, outcomes)
    made.labelled.last_pane = at_ms + WIDTH
    return made


def classes(right: int, wrong: int) -> Outcomes:
    return Outcomes(n=right + wrong, confusion={("1", "1"): right, ("1", "0"): wrong})


def errors(n: int, mean: int, spread: int = 1) -> Outcomes:
    """Absolute errors of ``mean`` ± ``spread``."""
    sums = dict.fromkeys(SUMS, 0)
    squares = n * (mean * mean + spread * spread)
    sums |= {"scored": n, "absolute_error": n * mean * ONE, "squared_error": squares * ONE}
    return Outcomes(n=n, sums=list(sums.values()))


def test_a_gap_is_the_difference_of_accuracies_over_the_shortest_window_with_enough_labels() -> None:
    comparable, gap = gap_to(watch("country=DE", classes(710, 290)), watch("", classes(9_300, 700)))
    assert comparable
    assert gap is not None
    assert gap[:2] == ("accuracy", "short")
    assert gap[2:] == pytest.approx((0.71, 0.93, 0.22))


def test_where_the_short_window_has_too_few_labels_the_next_one_is_asked() -> None:
    """100 labels every six panes: the short window of six never holds 200."""
    here, whole = watch("country=DE", classes(71, 29)), watch("", classes(930, 70))
    for start in range(6 * WIDTH, 60 * WIDTH, 6 * WIDTH):
        for window in here.labelled.windows.values():
            window.add(start, classes(71, 29))
        for window in whole.labelled.windows.values():
            window.add(start, classes(930, 70))
        here.labelled.last_pane = whole.labelled.last_pane = start + WIDTH
    comparable, gap = gap_to(here, whole)
    assert comparable
    assert gap is not None
    assert gap.window == "long"


def test_a_gap_is_the_ratio_of_mean_absolute_errors_where_numbers_are_predicted() -> None:
    comparable, gap = gap_to(
        watch("country=DE", errors(300, 12), task="regression"), watch("", errors(900, 8), task="regression")
    )
    assert comparable
    assert gap == Gap("mean absolute error", "short", 12.0, 8.0, 0.5)


@pytest.mark.parametrize(
    ("here", "whole"),
    [
        pytest.param(classes(0, 199), classes(900, 300), id="too few in the segment"),
        pytest.param(classes(0, 250), classes(40, 159), id="too few in the whole"),
        pytest.param(Outcomes(), Outcomes(), id="none at all"),
        pytest.param(errors(300, 9), classes(900, 300), id="numbers against classes"),
    ],
)
def test_too_few_labels_are_no_gap(here: Outcomes, whole: Outcomes) -> None:
    assert gap_to(watch("country=DE", here), watch("", whole)) == (False, None)


@pytest.mark.parametrize(("wrong", "seen"), [(25, False), (29, True)])
def test_what_chance_explains_is_no_gap(wrong: int, seen: bool) -> None:
    """Of 200 labels and 10 % wrong in all, the 95 % interval ends between 13 % and 15 %."""
    comparable, gap = gap_to(
        watch("country=DE", classes(200 - wrong, wrong)), watch("", classes(9_000, 1_000))
    )
    assert comparable
    assert (gap is not None) is seen


def test_a_segment_that_is_better_than_the_whole_is_not_behind_it() -> None:
    assert gap_to(watch("country=DE", classes(500, 0)), watch("", classes(700, 300))) == (True, None)


@pytest.mark.parametrize(("behind_panes", "comparable"), [(59, True), (60, False)])
def test_labels_of_another_time_are_not_compared(behind_panes: int, comparable: bool) -> None:
    here, whole = watch("country=DE", classes(0, 300)), watch("", classes(900, 300), behind_panes * WIDTH)
    assert gap_to(here, whole)[0] is comparable


def test_where_the_whole_makes_no_error_the_ratio_is_bounded() -> None:
    here, whole = (watch("country=DE", errors(300, 1, 0), task="regression"), errors(900, 0, 0))
    gap = gap_to(here, watch("", whole, task="regression"))[1]
    assert gap is not None
    assert gap.thousandths == 10**9


@pytest.fixture(scope="module")
def worker() -> Worker:
    made = Worker(
        [
            Model("churn"),
            Model("credit-risk", drifts=25),
            Model("fails-in-one", breaks=10, only="web"),
            Model("learns-and-fails", breaks=40, only="app"),
            Model("drifts-apart", drifts=10, breaks=10),
            Model("still-learning", drifts=10, breaks=10),
        ],
        rate=60,
    )
    asyncio.run(made.play(62))
    return made


def test_status_names_the_worst_segment_and_the_place_of_each(worker: Worker) -> None:
    models = status(worker.join, worker.watch)["models"]
    worst = {m["model"]: m.get("worst_segment") for m in models if not m["segment"]}
    assert worst["credit-risk"] is None
    assert worst["churn"] == {"segment": None, "by": None, "reason": "none stands out"}
    assert (worst["fails-in-one"]["segment"], worst["fails-in-one"]["by"]) == ("channel=web", "gap")
    failing = worst["learns-and-fails"]
    assert (failing["segment"], failing["by"]) == ("channel=app", "alert")
    assert failing["reason"].startswith("error_rate critical fires")
    for name, one in worst.items():
        parts = {m["segment_place"]: m["segment"] for m in models if m["model"] == name and m["segment"]}
        assert sorted(parts) == ([] if one is None else [1, 2, 3])
        if one is not None and one["segment"]:
            assert parts[1] == one["segment"]


def test_models_without_segments_say_nothing_of_any(worker: Worker) -> None:
    (entry,) = (m for m in status(worker.join, worker.watch)["models"] if m["model"] == "credit-risk")
    assert not {"worst_segment", "segment_place"} & set(entry)


@pytest.mark.parametrize("name", ["credit-risk", "learns-and-fails", "drifts-apart"])
def test_no_evidence_near_an_alarm_that_is_published_is_forgotten(worker: Worker, name: str) -> None:
    """But that on correlations, which is no alarm by itself."""
    published: set[tuple[str, float]] = set()
    for seen in worker.watch.owned[0].watchers[name].versions.values():
        samples = [s for part in drift_parts(seen) for s in part]
        samples += [*evidence_samples(seen), *late_label_samples(seen)]
        here = {
            (s.labels[-1], s.value)
            for s in samples
            if s.metric == "drift_evidence_ratio" and s.labels[-1] != "(correlations)"
        }
        told = list(near_evidence(seen))
        for subject, value in here:
            assert isinstance(value, float)
            near = any(value == pytest.approx(ratio) for _, ratio in told)
            assert near or value < NEAR, (subject, value)
        published |= {(subject, value) for subject, value in here if isinstance(value, float)}
    assert sum(value >= NEAR for _, value in published) >= 2


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 1.5, 5.0])
def test_what_is_near_an_alarm_is_found_without_looking_at_all(worker: Worker, share: float) -> None:
    found = 0
    for name in ("drifts-apart", "still-learning", "churn"):
        seen = worker.watch.owned[0].watchers[name].versions["7", ""]
        assert seen.features is not None
        window = seen.predictions[seen.policy.detection_window].total
        every = sorted(
            (name, ratio) for _, name, ratio in seen.features.evidence_ratios(window) if ratio >= share
        )
        near = sorted(seen.features.near_alarm(window, share))
        assert [name for name, _ in near] == [name for name, _ in every]
        assert [ratio for _, ratio in near] == pytest.approx([ratio for _, ratio in every])
        found += len(near)
    assert found


def test_evidence_that_does_not_alarm_yet_is_left_out(worker: Worker) -> None:
    """Losses where labels are judged by maturity, and while their over-dispersion is being learned: until then drift
    informs, but losses do not."""
    watchers = worker.watch.owned[0].watchers
    watcher = watchers["drifts-apart"]
    late = watcher.with_policy(replace(watcher.versions["7", ""].policy, labels="maturity"))
    usual, matured, learning = (
        {subject for subject, _ in near_evidence(w.versions["7", ""])}
        for w in (watcher, late, watchers["still-learning"])
    )
    assert {"error_rate", "drift of basket_value", "outliers", "data quality of age"} <= usual
    assert {"mature_error_rate", "drift of basket_value"} <= matured
    assert "error_rate" not in matured
    assert "error_rate" not in learning
    assert {"drift of basket_value", "data quality of age"} <= learning
