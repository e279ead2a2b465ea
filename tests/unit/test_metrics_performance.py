"""Performance as published: the metrics of the window's outcomes, or NaN."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache

import numpy as np
import orjson
import pytest

from oracle import scene
from tiltmeter.core.counting.fill_outcomes import add_measured
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance import ranking
from tiltmeter.core.performance.class_counts import ClassCounts
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.adwin_samples import adwin_samples
from tiltmeter.metrics.class_samples import MOST_CLASSES, class_samples
from tiltmeter.metrics.evidence_samples import evidence_samples
from tiltmeter.metrics.performance_samples import performance_samples
from tiltmeter.metrics.sample import Sample
from tiltmeter.metrics.score_samples import score_samples
from tiltmeter.metrics.table import METRICS

KEY = PaneKey(0, 10_000, "m", "1", "")


@cache
def watched() -> VersionWatch:
    watcher = scene.watcher()
    for partition in range(scene.PARTITIONS):
        for message in scene.messages(partition):
            watcher.on_message(orjson.loads(message))
    watcher.advance()
    return watcher.versions["1", ""]


def labelled(outcomes: Outcomes, policy: ModelPolicy, *references: object) -> VersionWatch:
    watch = VersionWatch(KEY, policy, ReferenceBook(references))  # type: ignore[arg-type]
    watch.on_pane(LabelPane(KEY, cells={(0, 0): outcomes}))
    return watch


def read(samples: object) -> dict[tuple[str, ...], float]:
    return {(s.metric, *s.labels[3:]): s.value for s in samples}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "family", [performance_samples, class_samples, score_samples, evidence_samples, adwin_samples]
)
def test_every_sample_is_a_series_of_the_table_and_comes_once(family: object) -> None:
    samples: list[Sample] = list(family(watched()))  # type: ignore[operator]
    assert samples
    assert all(len(s.labels) == len(METRICS[s.metric].labels) for s in samples)
    assert max(Counter((s.metric, s.labels) for s in samples).values()) == 1


def test_values_are_those_of_the_window() -> None:
    total = watched().labelled.windows["short"].total
    scores, classes = read(score_samples(watched())), read(class_samples(watched()))
    for bound, value in zip(("lower", "estimate", "upper"), ranking.roc_auc(total.scores), strict=True):
        assert scores["roc_auc", "short", bound] == value
    assert 0 < scores["average_precision", "short", "lower"] < 1
    counts = ClassCounts.of(total)
    assert classes["class_recall_ratio", "short", "1"] == counts.scores("1").recall
    assert classes["average_f1_ratio", "short", "macro"] == counts.macro().f1
    evidence = read(evidence_samples(watched()))
    assert ("drift_evidence_ratio", "e_detector_warning", "error_rate") in evidence


def test_below_the_smallest_sample_everything_is_nan() -> None:
    outcomes = Outcomes(10, 10, {("1", "1"): 6, ("0", "1"): 4})
    watch = labelled(outcomes, ModelPolicy(tolerances=Tolerances(min_samples=11)))
    values = read(class_samples(watch))
    assert len(values) == 3 * (2 * 3 + 3 * 3 + 3)
    assert all(math.isnan(value) for value in values.values())


def test_only_the_most_frequent_classes_have_series() -> None:
    outcomes = Outcomes(3_000, 3_000, {(f"c{i:02}", f"c{i:02}"): 100 - i for i in range(60)})
    watch = labelled(outcomes, ModelPolicy())
    shown = {name[2] for name in read(class_samples(watch)) if name[0] == "class_recall_ratio"}
    assert shown == {f"c{i:02}" for i in range(MOST_CLASSES)}


def test_errors_are_shown_by_quantile_and_against_the_reference() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(size=2_000)
    reference = build_reference(
        {}, model="m", version="1", predictions=actual + rng.normal(size=2_000), labels=actual
    )
    rows = np.zeros(2_000, dtype=[("value", "f8")])
    rows["value"] = actual + 1.0
    outcomes = Outcomes(2_000, 2_000)
    add_measured(outcomes, rows, actual, np.ones(2_000, dtype=bool), reference.performance, 1.0)
    values = read(performance_samples(labelled(outcomes, ModelPolicy(quantile=0.9), reference)))
    assert values["pinball_loss", "short", "0.9"] == pytest.approx(0.1)
    assert values["residual_ks", "short"] > 0.5


def test_drifts_of_river_are_counted_by_detector() -> None:
    outcomes = Outcomes(500, 500, {("1", "1"): 400, ("0", "1"): 100})
    values = read(evidence_samples(labelled(outcomes, ModelPolicy(compare=("ADWIN", "DDM")))))
    assert values["comparison_drifts", "ADWIN"] == values["comparison_drifts", "DDM"] == 0
