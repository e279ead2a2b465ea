"""Where scores, answers, labels and residuals stand, pane by pane.

score  ▁▁▁▁▁▁▁▁▁▁▅▅▅▅▅▅
mean   ──────────┐╭────      one cut, upwards; the mean is that of the window after it
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import orjson
import pytest

from tiltmeter.core.counting.fill_outcomes import add_measured
from tiltmeter.core.panes.answers import N1, SUM1, Answers
from tiltmeter.core.panes.fixed_point import ONE, quantise
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.pane import Pane
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.score_counts import BINS, EDGES
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import Performance, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.adaptive_means import AdaptiveMeans, score_sums
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.adwin_samples import adwin_samples

WIDTH, ROWS = 10_000, 500
POLICY = ModelPolicy(pane_ms=WIDTH, tolerances=Tolerances(learning_panes=0))


def key(number: int) -> PaneKey:
    return PaneKey(number * WIDTH, WIDTH, "m", "1", "")


def answered(number: int, scores: np.ndarray, classes: dict[str, int] | None = None) -> PredictionPane:
    """A pane of answers 1 where the score is above a half."""
    ones = int((scores > 0.5).sum())
    said = {"0": scores.size - ones, "1": ones} if classes is None else classes
    pane = PredictionPane(key(number), events=scores.size)
    pane.answers = Answers(
        {name: n for name, n in said.items() if n}, binned(scores) if scores.size else None
    )
    return pane


def binned(scores: np.ndarray) -> np.ndarray:
    place, counts = np.searchsorted(EDGES, scores, side="left"), np.zeros((4, BINS), dtype=np.int64)
    counts[N1] = np.bincount(place, minlength=BINS)
    counts[SUM1] = np.bincount(place, weights=quantise(scores), minlength=BINS)
    return counts


def labelled(number: int, ones: int, wrong: int = 0, rows: int = ROWS) -> LabelPane:
    """Labels 1 first; the answers to the last ``wrong`` labels, all 0, were 1."""
    counts = {("1", "1"): ones, ("0", "0"): rows - ones - wrong, ("1", "0"): wrong}
    outcomes = Outcomes(rows, rows, {pair: n for pair, n in counts.items() if n})
    return LabelPane(key(number), cells={(0, 0): outcomes})


def watch(*references: ReferenceProfile) -> VersionWatch:
    return VersionWatch(key(0), POLICY, ReferenceBook(references))


def read(seen: VersionWatch) -> dict[tuple[str, ...], float]:
    return {(s.metric, *s.labels[3:]): s.value for s in adwin_samples(seen)}  # type: ignore[misc]


def fed(panes: list[Pane], seen: VersionWatch | None = None) -> VersionWatch:
    seen = watch() if seen is None else seen
    for pane in panes:
        seen.on_pane(pane)
    return seen


def step(rng: np.random.Generator, panes: int = 40, after: int = 10) -> list[Pane]:
    shapes = [(2.0, 6.0)] * panes + [(4.0, 4.0)] * after  # means .25 and .5
    return [answered(number, rng.beta(*shape, size=ROWS)) for number, shape in enumerate(shapes)]


def test_a_step_of_the_score_moves_the_mean_and_is_one_cut_upwards() -> None:
    values = read(fed(step(np.random.default_rng(0))))
    assert values["adwin_mean", "score"] == pytest.approx(0.5, abs=0.02)
    assert (values["adwin_cuts", "score", "up"], values["adwin_cuts", "score", "down"]) == (1, 0)
    assert values["adwin_mean", "positive_rate"] == pytest.approx(0.5, abs=0.05)
    assert values["adwin_cuts", "positive_rate", "up"] == 1
    assert not any(math.isnan(value) for value in values.values())


def test_the_last_cut_tells_when_it_was_seen_and_when_the_change_began() -> None:
    seen = fed(step(np.random.default_rng(1)))
    found = {name: adaptive for name, adaptive, _ in seen.means.shown(None)}
    cut = found["score"].last_cut
    assert cut is not None
    assert cut.changed_ms == 40 * WIDTH
    assert cut.changed_ms < cut.at_ms <= 43 * WIDTH
    assert read(seen)["adwin_last_cut_timestamp_seconds", "score"] == cut.at_ms / 1000


def test_a_rate_of_labels_that_falls_is_a_cut_downwards_on_the_timeline_of_labels_alone() -> None:
    seen = fed([labelled(number, 200 if number < 40 else 100) for number in range(60)])
    values = read(seen)
    assert values["adwin_mean", "label_rate"] == 0.2
    assert (values["adwin_cuts", "label_rate", "up"], values["adwin_cuts", "label_rate", "down"]) == (0, 1)
    assert {name[1] for name in values} == {"error_rate", "label_rate"}


def test_an_error_that_falls_is_counted_downwards_and_alarms_nothing() -> None:
    rows = np.random.default_rng(2).normal(size=20_000)
    right = (rows > 0).astype(int)
    said = np.where(np.arange(rows.size) % 10 == 0, 1 - right, right)
    seen = watch(build_reference({"x": rows}, model="m", version="1", predictions=said, labels=right))
    alerts = [a for n in range(120) for a in seen.on_pane(labelled(n, ROWS // 2, 50 if n < 60 else 10))]
    assert alerts == []
    assert read(seen)["adwin_cuts", "error_rate", "down"] >= 1
    assert read(seen)["adwin_cuts", "error_rate", "up"] == 0
    assert read(seen)["adwin_mean", "error_rate"] == pytest.approx(0.02, abs=0.005)


def test_before_the_first_cut_there_is_no_time_of_one() -> None:
    values = read(fed([answered(0, np.full(10, 0.3))]))
    assert ("adwin_last_cut_timestamp_seconds", "score") not in values
    assert values["adwin_cuts", "score", "up"] == 0
    assert values["adwin_mean", "score"] == pytest.approx(0.3, abs=2**-20)


def test_panes_without_data_change_nothing() -> None:
    means = AdaptiveMeans()
    for pane in step(np.random.default_rng(3)):
        assert isinstance(pane, PredictionPane)
        means.on_predictions(pane)
    before = orjson.dumps(means.snapshot())
    means.on_predictions(answered(50, np.empty(0), {}))
    means.on_labels(key(50), Outcomes(), None)
    assert orjson.dumps(means.snapshot()) == before


def test_which_timeline_is_ahead_does_not_show() -> None:
    rng = np.random.default_rng(4)
    predictions = step(rng)
    labels: list[Pane] = [labelled(number, int(rng.integers(100, 200))) for number in range(50)]
    in_turns: list[Pane] = [pane for pair in zip(predictions, labels, strict=True) for pane in pair]
    orders = [[*predictions, *labels], [*labels, *predictions], in_turns]
    ends = []
    for order in orders:
        means = AdaptiveMeans()
        for pane in order:
            if isinstance(pane, LabelPane):
                means.on_labels(pane.key, pane.total(), None)
            else:
                means.on_predictions(pane)
        ends.append(orjson.dumps(means.snapshot()))
    assert ends[0] == ends[1] == ends[2]


def test_a_snapshot_goes_on_as_if_nothing_had_happened() -> None:
    panes = step(np.random.default_rng(5))
    whole, first = AdaptiveMeans(), AdaptiveMeans()
    for number, pane in enumerate(panes):
        assert isinstance(pane, PredictionPane)
        whole.on_predictions(pane)
        if number == 41:  # between the change and the end
            second = AdaptiveMeans()
            second.restore(orjson.loads(orjson.dumps(first.snapshot())))
            first = second
        first.on_predictions(pane)
    assert orjson.dumps(first.snapshot()) == orjson.dumps(whole.snapshot())


def test_a_model_with_more_than_two_classes_has_no_rate_of_positives() -> None:
    digits = {str(digit): 50 for digit in range(10)}
    assert read(fed([answered(0, np.full(ROWS, 0.9), digits)])) == {}
    three = Outcomes(30, 30, {("0", "0"): 10, ("1", "1"): 10, ("2", "2"): 10})
    assert {name[1] for name in read(fed([LabelPane(key(0), cells={(0, 0): three})]))} == {"error_rate"}


def test_one_odd_answer_in_a_hundred_leaves_a_model_binary() -> None:
    pane = answered(0, np.full(ROWS, 0.9), {"0": 200, "1": 295, "maybe": 5})
    assert read(fed([pane]))["adwin_mean", "positive_rate"] == 295 / 495
    again = answered(0, np.full(ROWS, 0.9), {"0": 200, "1": 294, "maybe": 6})
    assert read(fed([again])) == {}


def test_a_residual_is_in_the_target_s_units() -> None:
    rng = np.random.default_rng(6)
    actual = rng.normal(100, 30, size=20_000)
    said = actual + rng.normal(0, 5, size=actual.size)
    reference = build_reference({}, model="m", version="1", predictions=said, labels=actual)
    panes: list[Pane] = []
    for number in range(60):
        rows = np.zeros(ROWS, dtype=[("value", "f8")])
        value = rng.normal(100, 30, size=ROWS)
        rows["value"] = value + rng.normal(-1 if number < 40 else 2, 5, size=ROWS)
        outcomes = Outcomes(ROWS, ROWS)
        add_measured(outcomes, rows, value, np.ones(ROWS, dtype=bool), reference.performance, 1.0)
        panes.append(LabelPane(key(number), cells={(0, 0): outcomes}))
    values = read(fed(panes, watch(reference)))
    assert values["adwin_mean", "residual"] == pytest.approx(2, abs=0.3)
    assert (values["adwin_cuts", "residual", "up"], values["adwin_cuts", "residual", "down"]) == (1, 0)
    assert {name[1] for name in values} == {"absolute_error", "residual"}


@pytest.mark.parametrize("share", [-1.0, -1 + 3e-7, 0.0, 1 - 3e-7, 1.0])
def test_errors_near_the_cap_never_break_the_sums_however_they_are_rounded(share: float) -> None:
    known = replace(Performance("regression", labelled=100), cap=1.0)
    rows = np.zeros(3, dtype=[("value", "f8")])
    rows["value"] = share
    outcomes = Outcomes(3, 3)
    add_measured(outcomes, rows, np.zeros(3), np.ones(3, dtype=bool), known, 1.0)
    means = AdaptiveMeans()
    means.on_labels(key(0), outcomes, known)
    ((_, _, mean),) = means.shown(known)
    assert mean == pytest.approx(share, abs=2 / ONE)


@pytest.mark.parametrize(("a", "b", "most"), [(1, 1, 0.001), (2, 30, 0.003), (12, 12, 0.005)])
def test_of_the_variance_of_scores_only_that_inside_bins_is_missing(a: float, b: float, most: float) -> None:
    scores = np.random.default_rng(7).beta(a, b, size=50_000)
    n, total, squares = score_sums(binned(scores))
    missing = (float((scores**2).sum()) - squares) / n
    assert (n, total) == (scores.size, pytest.approx(scores.sum(), abs=n / ONE))
    assert 0 <= missing <= 1.4e-4
    assert missing <= most * scores.var()
