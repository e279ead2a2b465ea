"""The reference profile: content, identity, JSON."""

from __future__ import annotations

import gzip
import hashlib
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import orjson
import pytest

from data_sets.halves import halves
from tiltmeter.core.panes.fixed_point import ONE, quantise
from tiltmeter.core.reference.profile import (
    CategoricalFeature,
    NumericFeature,
    Performance,
    ReferenceFormatError,
    ReferenceProfile,
)
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.reference_building.column import ReferenceColumnError


def profile_of(**columns: object) -> ReferenceProfile:
    special = {
        name: columns.pop(name) for name in ("predictions", "labels", "scores", "task") if name in columns
    }
    return build_reference(
        columns, model="fraud", version="3", effective_from_ms=1_700_000_000_000, **special
    )


def small() -> ReferenceProfile:
    return profile_of(
        age=[20.0, None, math.nan, math.inf, 40.0],
        country=["de", "fr", None, "de", "de"],
        predictions=[1, 0, True, "1", None],
        labels=[1, 1, 1.0, 1, 1],
        scores=[0.9, 0.1, 0.8, 0.7, None],
    )


def test_a_numeric_feature_counts_finite_missing_and_nonfinite_apart() -> None:
    age = small().features["age"]
    assert isinstance(age, NumericFeature)
    assert (int(age.counts.sum()), age.missing, age.nonfinite) == (2, 2, 1)
    assert (age.minimum, age.maximum) == (20.0, 40.0)


def test_a_categorical_feature_counts_its_categories() -> None:
    assert halves(["de", "fr", None, "de", "de"]) == (["de", None, "de"], ["fr", "de"])
    assert small().features["country"] == CategoricalFeature({"de": 1}, other=1, missing=0)


def test_classes_meet_however_they_were_written() -> None:
    profile = small()
    assert halves(["1", "0", "1", "1", None]) == (["1", None], ["0", "1", "1"])
    assert profile.prediction == CategoricalFeature({"1": 2}, other=1, missing=0)
    performance = profile.performance
    assert performance is not None
    assert (performance.task, performance.labelled, performance.errors) == ("classification", 4, 1)
    assert performance.classes == ("0", "1")


def test_only_the_hundred_most_frequent_categories_keep_their_name() -> None:
    texts = [f"c{i:03}" for i in range(150) for _ in range(60 if i >= 50 else 2)]
    feature = profile_of(city=texts).features["city"]
    assert isinstance(feature, CategoricalFeature)
    assert list(feature.categories) == [f"c{i:03}" for i in range(50, 150)]
    counted = Counter(halves(texts)[1])
    assert dict(feature.categories) == {name: counted[name] for name in feature.categories}
    assert feature.other == sum(counted[f"c{i:03}"] for i in range(50))


def test_booleans_are_categories_spelled_as_in_json() -> None:
    flags = np.array([True, False, False, True, True, False, False, True])
    assert halves([str(flag).lower() for flag in flags])[1] == ["true", "false", "false"]
    assert profile_of(flag=flags).features["flag"] == CategoricalFeature({"false": 2, "true": 1}, 0, 0)


def test_a_feature_without_any_value_has_one_bin_and_an_empty_range() -> None:
    feature = profile_of(empty=[None, math.nan]).features["empty"]
    assert isinstance(feature, NumericFeature)
    assert (feature.counts.tolist(), feature.missing) == ([0], 2)
    assert not (feature.minimum <= 0 <= feature.maximum)


def test_a_regression_knows_its_cap_unit_and_losses() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(100, 10, 5_000)
    predicted = actual + rng.normal(0, 2, 5_000)
    predicted[0] = math.nan
    profile = profile_of(x=actual, predictions=predicted, labels=actual)
    performance = profile.performance
    assert performance is not None
    size = np.abs(predicted - actual)[1:]
    assert (performance.task, performance.labelled, performance.scale) == ("regression", 4_999, 16.0)
    assert performance.cap == 2 * np.quantile(size, 0.999, method="inverted_cdf")
    assert performance.absolute_error_sum == pytest.approx(size.sum())
    assert performance.loss_sum == quantise(np.minimum(size / performance.cap, 1)).sum() / ONE
    assert performance.loss_squares <= performance.loss_sum <= performance.labelled
    assert isinstance(profile.prediction, NumericFeature)


def test_a_binary_model_knows_the_losses_of_its_scores() -> None:
    rng = np.random.default_rng(2)
    score = rng.random(400)
    score[:4] = [math.nan, 1.5, 0.0, 1.0]
    labels = (rng.random(400) < score).astype(float)
    labels[4] = math.nan
    profile = profile_of(x=score, predictions=(score > 0.5).astype(int), labels=labels, scores=score)
    performance = profile.performance
    assert performance is not None
    p, y = score[[2, 3, *range(5, 400)]], labels[[2, 3, *range(5, 400)]]
    log_loss = -np.log(np.maximum(np.where(y == 1, p, 1 - p), 1e-3)) / -math.log(1e-3)
    assert performance.scored == 397
    assert performance.brier_sum == pytest.approx(((p - y) ** 2).sum(), abs=1e-3)
    assert performance.brier_squares == pytest.approx(((p - y) ** 4).sum(), abs=1e-3)
    assert performance.log_loss_sum == pytest.approx(log_loss.sum(), abs=1e-3)
    assert performance.log_loss_squares == pytest.approx((log_loss**2).sum(), abs=1e-3)
    assert performance.score_error_sum == pytest.approx((p - y).sum(), abs=1e-3)
    assert ReferenceProfile.from_json(profile.to_json()).performance == performance


def test_a_reference_of_before_keeps_its_id_and_its_bytes() -> None:
    """Written when a performance had neither the losses of scores, nor residuals, nor the distribution of labels."""
    before = {
        "task": "regression", "labelled": 3, "errors": 0, "classes": [], "loss_sum": 1.0, "loss_squares": 0.5,
        "cap": 2.0, "scale": 1.0, "absolute_error_sum": 2.0, "label_mean": 0.0,
    }  # fmt: skip
    wire = {**orjson.loads(small().to_json()), "performance": before}
    del wire["reference_id"]
    canonical = orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)
    wire["reference_id"] = "ref-" + hashlib.blake2b(canonical, digest_size=6).hexdigest()
    document = orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)
    again = ReferenceProfile.from_json(document)
    assert again.to_json() == document
    assert again.performance is not None
    assert (again.performance.capped_error_sum, again.performance.residual_counts) == (None, ())
    assert again.performance.label_profile() is None


@pytest.mark.parametrize(
    ("task", "counts", "wrong"),
    [
        ("regression", "residual_counts", [1]),
        ("regression", "label_counts", [1]),
        ("regression", "label_counts", [-1] * 102),
        ("classification", "class_counts", [1]),
        ("classification", "class_counts", [-1] * 100),
        ("classification", "other_classes", -1),
    ],
)
def test_counts_that_do_not_fit_their_bins_are_refused(task: str, counts: str, wrong: object) -> None:
    values = np.linspace(0.0, 10.0, 101)
    wire = orjson.loads(profile_of(x=values, predictions=values, labels=values, task=task).to_json())
    wire["performance"][counts] = wrong
    del wire["reference_id"]
    canonical = orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)
    wire["reference_id"] = "ref-" + hashlib.blake2b(canonical, digest_size=6).hexdigest()
    with pytest.raises(ReferenceFormatError, match="do not fit"):
        ReferenceProfile.from_json(orjson.dumps(wire))


def test_a_regression_knows_how_its_labels_were_distributed() -> None:
    rng = np.random.default_rng(4)
    labels = rng.normal(size=5_000)
    labels[:1_000] = 0.5  # an atom: a bin of its own
    predictions = labels + rng.normal(size=5_000)
    predictions[3] = labels[4] = math.nan
    profile = profile_of(x=labels, predictions=predictions, labels=labels)
    performance = ReferenceProfile.from_json(profile.to_json()).performance
    assert performance is not None
    assert performance == profile.performance
    found = performance.label_profile()
    assert isinstance(found, NumericFeature)
    assert (int(found.counts.sum()), found.missing, found.nonfinite, found.phi) == (4_998, 0, 0, None)
    assert found.counts.max() == found.counts[found.edges.tolist().index(0.5)] == 998
    assert (found.minimum, found.maximum) == (found.edges[0], found.edges[-1])


def test_a_classification_knows_how_often_each_class_was_the_label() -> None:
    performance = small().performance
    assert performance is not None
    assert (performance.class_counts, performance.other_classes) == ((0, 3), 0)
    assert performance.label_profile() == CategoricalFeature({"1": 3}, other=0, missing=0)


def test_labels_beyond_the_hundred_most_frequent_classes_are_one_number() -> None:
    labels = [f"c{i:03}" for i in range(150) for _ in range(60 if i >= 50 else 2)]
    profile = profile_of(x=[0.0] * len(labels), predictions=labels, labels=labels)
    performance = ReferenceProfile.from_json(profile.to_json()).performance
    assert performance is not None
    found = performance.label_profile()
    assert isinstance(found, CategoricalFeature)
    counted = Counter(halves(labels)[1])
    assert list(found.categories) == [f"c{i:03}" for i in range(50, 150)]
    assert dict(found.categories) == {name: counted[name] for name in found.categories}
    assert found.other == sum(counted[f"c{i:03}"] for i in range(50))


def test_a_perfect_regression_still_has_a_cap() -> None:
    values = np.linspace(0.0, 10.0, 101)
    performance = profile_of(x=values, predictions=values, labels=values).performance
    assert performance is not None
    assert performance.loss_sum == 0.0
    assert performance.cap == performance.scale == 4.0


@pytest.mark.parametrize(
    ("predictions", "labels", "task"),
    [
        (["a", "b"], ["a", "a"], "classification"),
        ([0.0, 1.0], [1, 0], "classification"),
        ([0.2, 1.0], [1, 0], "regression"),
        (list(range(60)), [0] * 60, "regression"),
        ([True, False], [None, None], "classification"),
    ],
)
def test_the_task_is_read_from_the_values(predictions: list[object], labels: list[object], task: str) -> None:
    performance = profile_of(x=[0.0] * len(labels), predictions=predictions, labels=labels).performance
    assert performance is not None
    assert performance.task == task


def test_the_task_may_be_said() -> None:
    performance = profile_of(x=[1.0, 2.0], predictions=[1, 2], labels=[1, 3], task="regression").performance
    assert performance is not None
    assert performance.task == "regression"


def test_without_predictions_there_is_no_performance_and_without_labels_an_empty_one() -> None:
    assert profile_of(x=[1.0]).performance is None
    assert profile_of(x=[1.0], predictions=["a"]).performance == Performance("classification")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1.0, "a"]}, "column 'x': mixes categories and numbers"),
        ({"x": [object(), None]}, "column 'x': holds values of type object"),
        ({"x": [1.0], "y": [1.0, 2.0]}, "column 'y': has 2 rows, 'x' has 1"),
        ({"x": [1.0], "scores": ["high"]}, "column 'score': must be numeric"),
        ({"x": [1.0], "predictions": ["a"], "labels": [1], "task": "regression"}, "column 'prediction'"),
    ],
)
def test_a_column_that_cannot_be_used_is_named(columns: dict[str, object], message: str) -> None:
    with pytest.raises(ReferenceColumnError, match=message.replace("(", r"\(")):
        profile_of(**columns)


def test_json_goes_there_and_back() -> None:
    document = small().to_json()
    again = ReferenceProfile.from_json(document)
    assert again.to_json() == document
    assert again.reference_id == small().reference_id
    assert again.performance == small().performance
    numeric = again.features["age"]
    assert isinstance(numeric, NumericFeature)
    assert (numeric.edges.dtype, numeric.counts.dtype) == (np.float64, np.int64)
    empty = ReferenceProfile.from_json(profile_of(x=[None]).to_json()).features["x"]
    assert isinstance(empty, NumericFeature)
    assert (empty.minimum, empty.maximum) == (math.inf, -math.inf)


def test_equal_content_has_one_id_and_other_content_another() -> None:
    assert small().reference_id == small().reference_id
    assert len(small().reference_id) == len("ref-") + 12
    assert profile_of(x=[-0.0]).reference_id == profile_of(x=[0.0]).reference_id
    ids = {
        profile_of(x=[1.0]).reference_id,
        profile_of(x=[2.0]).reference_id,
        profile_of(y=[1.0]).reference_id,
    }
    assert len(ids) == 3


def test_a_reader_ignores_fields_it_does_not_know() -> None:
    wire = orjson.loads(small().to_json())
    wire["features"]["age"]["added_later"] = 1
    del wire["reference_id"]

    canonical = orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)
    wire["reference_id"] = "ref-" + hashlib.blake2b(canonical, digest_size=6).hexdigest()
    again = ReferenceProfile.from_json(orjson.dumps(wire))
    assert again.reference_id == wire["reference_id"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-5], "not JSON"),
        (lambda text: b"[]", "schema"),
        (lambda text: text.replace(b'"schema":1', b'"schema":2'), "schema"),
        (lambda text: text.replace(b"20.0", b"21.0"), "does not match its id"),
    ],
)
def test_a_damaged_document_is_refused(damage: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(ReferenceFormatError, match=message):
        ReferenceProfile.from_json(damage(small().to_json()))


def test_fifty_features_of_256_bins_stay_below_200_kilobytes() -> None:
    rng = np.random.default_rng(1)
    profile = profile_of(**{f"feature_{i}": rng.lognormal(size=20_000) for i in range(50)})
    assert len(gzip.compress(profile.to_json(), mtime=0)) < 200_000
