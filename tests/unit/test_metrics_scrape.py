"""/metrics of a worker that events were played through: complete, from zero, clean."""

from __future__ import annotations

import math
import time
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from browser.scene import MODELS, NAMES, Worker
from browser.serving import Serving
from ops.tools import run
from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.metrics.join_samples import REASONS
from tiltmeter.metrics.table import METRICS

Series = list[tuple[dict[str, str], float]]
#: These need what is not in this scene: an expectation, an engine with a broker, scores, latencies, river, an
#: mmd_share, a bad weight.
ELSEWHERE = {
    "expectation_violations",
    "consumer_lag_records",
    "prediction_score",
    "log_loss",
    "brier_score",
    "roc_auc",
    "average_precision",
    "score_separation",
    "calibration_in_the_large",
    "expected_calibration_error",
    "adwin_last_cut_timestamp_seconds",
    "comparison_drifts",
    "drift_mmd",
    "serving_latency_seconds",
    "imperfect_fields",
    "estimated_accuracy_ratio",
    "realised_minus_expected_ratio",
    "nowcast_accuracy_ratio",
    "nowcast_precision_ratio",
    "nowcast_recall_ratio",
    "weighted_accuracy_ratio",
}


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    with Serving(Worker(MODELS, rate=60)) as serving:
        serving.play(30)
        yield serving


@pytest.fixture(scope="module")
def text(serving: Serving) -> str:
    with urllib.request.urlopen(serving.url + "/metrics", timeout=10) as answer:
        body: bytes = answer.read()
    return body.decode()


@pytest.fixture(scope="module")
def read(text: str) -> dict[str, Series]:
    series: dict[str, Series] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series.setdefault(sample.name, []).append((sample.labels, sample.value))
    return series


def of(read: dict[str, Series], name: str, **labels: str) -> Series:
    return [(have, value) for have, value in read[name] if labels.items() <= have.items()]


def test_promtool_finds_nothing_to_complain_about(text: str) -> None:
    run("promtool", "check", "metrics", stdin=text)


def test_the_whole_table_is_exported(text: str) -> None:
    said = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    missing = {metric.name for metric in METRICS.values() if metric.full_name not in said}
    assert missing <= ELSEWHERE


def test_no_series_comes_twice(text: str) -> None:
    series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(set(series)) == len(series)


def test_a_partition_is_a_number(read: dict[str, Series]) -> None:
    """Names of segments and partitions are texts that stand side by side."""
    partitions = {
        labels["partition"] for series in read.values() for labels, _ in series if "partition" in labels
    }
    assert partitions == {"0"}


def test_every_reason_to_reject_is_there_before_the_first_rejection(read: dict[str, Series]) -> None:
    for topic, side in ((NAMES.predictions, PREDICTIONS), (NAMES.feedback, FEEDBACK)):
        found = of(read, "tiltmeter_rejected_events_total", topic=topic, partition="0")
        assert {labels["reason"] for labels, _ in found} == set(REASONS[side])
        assert {value for _, value in found} == {0.0}


def test_no_reason_is_missing_from_those_that_start_at_zero() -> None:
    """Each decoder is asked with everything that is wrong with an event."""
    wrong = [
        b"", b"{", b"[]", b"\0\0\0\0\1{}", b"{}", b'{"prediction_id":1}', b'{"prediction_id":"a"}', b"x" * (1 << 21),
        b'{"prediction_id":"a","model":1}', b'{"prediction_id":"a","model":"m"}', b'{"specversion":1}',
        b'{"prediction_id":"a","model":"m","at":"x"}', b'{"prediction_id":"a","model":"m","at":9000000000000}',
        b'{"prediction_id":"a","model":"m","at":1}', b'{"specversion":"1.0","type":"x","data":{}}',
        b'{"prediction_id":"a","model":"m","at":1,"prediction":[],"label":[]}',
        b'{"prediction_id":"a","model":"m","at":1,"prediction":"NaN","label":"NaN"}',
        b'{"prediction_id":"a","model":"m","at":1,"prediction":1,"features":{'
        + b",".join(b'"f%d":1' % i for i in range(1001)) + b"}}",
    ]  # fmt: skip
    records = [LogRecord(i, 0, None, value) for i, value in enumerate(wrong)]
    for side, decode in ((PREDICTIONS, decode_predictions), (FEEDBACK, decode_feedback)):
        found = {item.reason for item in decode(records)[1]}
        assert len(found) >= 10
        assert found <= set(REASONS[side])


def test_what_a_version_can_count_starts_at_zero(read: dict[str, Series]) -> None:
    churn = {"model": "churn", "version": "7"}
    for name in ("late_events", "expired_predictions"):
        assert [value for _, value in of(read, f"tiltmeter_{name}_total", **churn)] == [0.0]
    duplicates = of(read, "tiltmeter_duplicate_predictions_total", **churn)
    assert {labels["content"]: value for labels, value in duplicates} == {"same": 0.0, "different": 0.0}
    fired = {
        (labels["kind"], labels["severity"]): value
        for labels, value in of(read, "tiltmeter_alerts_total", **churn)
    }
    assert {("feature_drift", "info"), ("performance", "critical")} <= fired.keys()
    assert set(fired.values()) == {0.0}
    cuts = of(read, "tiltmeter_adwin_cuts_total", **churn)
    assert {labels["direction"] for labels, _ in cuts} == {"up", "down"}
    assert of(read, "tiltmeter_orphaned_feedback_total") == [({"partition": "0"}, 0.0)]


def test_effect_sizes_are_gaps_below_the_smallest_sample_and_numbers_above(read: dict[str, Series]) -> None:
    rows = {
        (labels["model"], labels["window"]): value
        for labels, value in of(read, "tiltmeter_window_predictions", version="7")
    }
    for name in ("psi", "js", "wasserstein"):
        found = of(read, f"tiltmeter_drift_{name}", model="churn")
        assert {labels["window"] for labels, _ in found} == {"short", "medium"}
        for labels, value in found:
            assert math.isnan(value) == (rows["churn", labels["window"]] < 200), labels
    assert of(read, "tiltmeter_drift_psi", model="churn", feature="channel")
    assert not of(read, "tiltmeter_drift_wasserstein", feature="channel")
    drifted = of(read, "tiltmeter_drift_psi", model="credit-risk", feature="basket_value", window="short")
    quiet = of(read, "tiltmeter_drift_psi", model="churn", feature="basket_value", window="short")
    assert drifted[0][1] > 2 * quiet[0][1] > 0


def test_further_measures_are_of_the_detection_window_and_of_what_the_feature_has(
    read: dict[str, Series],
) -> None:
    rows = dict(of_window(read, "short"))
    expected = {"drift_distance": {"kullback_leibler", "hellinger"}}
    expected |= {"drift_statistic": {"chi_square", "normal_scores"}}
    expected |= {"drift_p_value": {"chi_square", "normal_scores", "ks"}}
    for metric, kinds in expected.items():
        found = of(read, f"tiltmeter_{metric}")
        assert {labels["window"] for labels, _ in found} == {"short"}
        kind = "measure" if metric == "drift_distance" else "test"
        age = of(read, f"tiltmeter_{metric}", model="churn", feature="age")
        assert {labels[kind] for labels, _ in age} == kinds
        channel = of(read, f"tiltmeter_{metric}", model="churn", feature="channel")
        assert {labels[kind] for labels, _ in channel} == kinds - {"normal_scores", "ks"}
        for labels, value in found:
            assert math.isnan(value) == (rows[labels["model"]] < 200), labels
    low, high = (
        of(read, "tiltmeter_drift_p_value", model=model, feature="basket_value", test="ks")[0][1]
        for model in ("credit-risk", "churn")
    )
    assert low < 1e-6 < high


def of_window(read: dict[str, Series], window: str) -> list[tuple[str, float]]:
    """(model, predictions)"""
    found = of(read, "tiltmeter_window_predictions", version="7", window=window, segment="")
    return [(labels["model"], value) for labels, value in found]


def test_the_worker_says_how_it_is(read: dict[str, Series]) -> None:
    assert read["tiltmeter_recovering"] == [({}, 0.0)]
    owned = {labels["stage"]: value for labels, value in read["tiltmeter_assigned_partitions"]}
    assert {labels["stage"]: value for labels, value in read["tiltmeter_source_partitions"]} == owned
    for labels, delay in read["tiltmeter_watermark_delay_seconds"]:
        (mark,) = of(read, "tiltmeter_watermark_timestamp_seconds", **labels)
        assert delay > 0
        assert mark[1] + delay == pytest.approx(time.time(), abs=60)
