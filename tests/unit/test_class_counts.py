"""Metrics of classes against scikit-learn, for one class, two, many, and more than are kept."""

from __future__ import annotations

import math
import random
import warnings
from collections import Counter

import numpy as np
import pytest
from sklearn import metrics

from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance import agreement, classification
from tiltmeter.core.performance.class_counts import ClassCounts


def said_and_true(seed: int, classes: int, n: int = 600) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    names = [f"c{i}" for i in range(classes)] if classes > 2 else [str(i) for i in range(classes)]
    weights = [rng.random() ** 3 for _ in names]
    true = rng.choices(names, weights, k=n)
    return [name if rng.random() < 0.6 else rng.choice(names) for name in true], true


def outcomes(said: list[str], true: list[str]) -> Outcomes:
    return Outcomes(len(said), len(said), dict(Counter(zip(said, true, strict=True))))


@pytest.mark.parametrize("classes", [1, 2, 3, 17, 90])
def test_averages_and_classes_are_those_of_scikit_learn(classes: int) -> None:
    for seed in range(5):
        said, true = said_and_true(seed, classes, n=60 if seed % 2 else 600)
        counts = ClassCounts.of(outcomes(said, true))
        for average in ("macro", "micro", "weighted"):
            expected = metrics.precision_recall_fscore_support(true, said, average=average, zero_division=0)
            assert getattr(counts, average)() == pytest.approx(expected[:3])
        columns = metrics.precision_recall_fscore_support(
            true, said, average=None, zero_division=np.nan, labels=list(counts.names)
        )
        for name, *expected_of_class, support in zip(counts.names, *columns, strict=True):
            assert counts.by_class()[name] == pytest.approx(expected_of_class, nan_ok=True)
            assert counts.actual[counts.names.index(name)] == support
        assert classification.accuracy(outcomes(said, true)) == metrics.accuracy_score(true, said)


@pytest.mark.parametrize("classes", [2, 3, 17, 90])
def test_agreement_is_that_of_scikit_learn(classes: int) -> None:
    for seed in range(5):
        said, true = said_and_true(seed, classes)
        counts = ClassCounts.of(outcomes(said, true))
        assert agreement.matthews_correlation(counts) == pytest.approx(metrics.matthews_corrcoef(true, said))
        assert agreement.kappa(counts) == pytest.approx(metrics.cohen_kappa_score(true, said))
        with warnings.catch_warnings():  # classes that are predicted and never true
            warnings.simplefilter("ignore", UserWarning)
            assert agreement.balanced_accuracy(counts) == pytest.approx(
                metrics.balanced_accuracy_score(true, said)
            )


def test_what_is_undefined_is_nan_and_not_zero() -> None:
    never_true = ClassCounts.of(outcomes(["1", "0"], ["0", "0"]))
    assert math.isnan(never_true.scores("1").recall)
    assert never_true.scores("1").precision == 0.0
    never_said = ClassCounts.of(outcomes(["0", "0"], ["1", "0"]))
    assert math.isnan(never_said.scores("1").precision)
    assert math.isnan(never_said.scores("7").f1)
    assert math.isnan(agreement.matthews_correlation(never_said))
    alone = ClassCounts.of(outcomes(["a"], ["a"]))
    assert math.isnan(agreement.kappa(alone))
    assert agreement.balanced_accuracy(alone) == 1.0
    nothing = ClassCounts.of(Outcomes())
    for value in (*nothing.macro(), *nothing.micro(), *nothing.weighted(), agreement.kappa(nothing)):
        assert math.isnan(value)


def test_a_strange_label_leaves_a_binary_model_binary() -> None:
    made = Outcomes(10, 10, {("1", "1"): 4, ("1", "(other)"): 1, ("0", "0"): 5})
    assert classification.precision_recall_f1(made) == pytest.approx((0.8, 1.0, 8 / 9))


def test_with_two_hundred_classes_accuracy_is_exact_and_the_kept_ones_are_complete() -> None:
    said, true = said_and_true(1, 200, n=5_000)
    made = outcomes(said, true)
    made.bound()
    assert classification.accuracy(made) == metrics.accuracy_score(true, said)
    counts = ClassCounts.of(made)
    assert len(counts.names) == 101
    assert sum(counts.actual) == sum(counts.predicted) == 5_000
    kept = [name for name in counts.names if name != "(other)"]
    columns = metrics.precision_recall_fscore_support(
        true, said, labels=kept, average=None, zero_division=np.nan
    )
    for name, *expected, _ in zip(kept, *columns, strict=True):
        assert counts.scores(name) == pytest.approx(expected, nan_ok=True)
    assert agreement.kappa(counts) <= metrics.cohen_kappa_score(true, said)
    assert agreement.matthews_correlation(counts) == pytest.approx(
        metrics.matthews_corrcoef(true, said), abs=0.25
    )
