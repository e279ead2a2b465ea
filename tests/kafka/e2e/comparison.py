"""Every published number of a model against the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_sets.distances import LABEL, OUTPUT, distance
from data_sets.event_log import event_log
from data_sets.scores import scores
from data_sets.served import Served
from data_sets.truth import Truth
from kafka.e2e.deployment import Deployment
from kafka.e2e.exposition import Exposition

STATES = ("ok", "missing", "type_error", "nonfinite", "out_of_range", "unseen")
GAUGES = {
    "accuracy": "accuracy_ratio",
    "precision": "precision_ratio",
    "recall": "recall_ratio",
    "f1": "f1_ratio",
    "balanced_accuracy": "balanced_accuracy_ratio",
    **{name: name for name in ("log_loss", "brier_score", "mae", "rmse", "bias", "r2")},
    **{name: name for name in ("matthews_correlation", "kappa")},
    **{name: name for name in ("calibration_in_the_large", "expected_calibration_error")},
}
#: Below the resolution of a sum of floats, above the bounds' own rounding.
ROUNDING = 1e-12


def truth_of(live: Deployment, served: Served, pane_ms: int, windows: dict[str, int]) -> Truth:
    def log(topic: str) -> pd.DataFrame:
        values = ((p, record.value) for p, record in live.records(topic) if record.value is not None)
        return event_log(values, served.stream.index)

    return Truth(served, log(live.names.predictions), log(live.names.feedback), pane_ms, windows)


def all_is_in(truth: Truth, status: dict[str, Any]) -> bool:
    return status["predictions"] == len(truth.predictions) and status["feedback"] == truth.feedback


def assert_status(status: dict[str, Any], truth: Truth, windows: dict[str, int], unit: float) -> None:
    served = truth.served
    assert status["predictions"] == status["prediction_weight"] == len(truth.predictions)
    assert status["prediction_errors"] == status["unknown_features"] == 0
    assert status["feedback"] == truth.feedback
    assert status["lifted_panes"] == status["pane_conflicts"] == status["stray_panes"] == 0
    cells = {name: counts["cells"] for name, counts in status["features"].items()}
    assert cells == {name: truth.cells(name) for name in served.features}
    assert status["performance"] == {
        name: scores(truth.label_window(name), unit) for name in ("all", *windows)
    }
    for name in windows:
        published = status["drift"][name]
        assert set(published) == {*served.features, OUTPUT, LABEL}
        for feature, bounds in published.items():
            window = truth.label_window(name) if feature == LABEL else truth.prediction_window(name)
            rows, exact = distance(served, feature, window)
            assert bounds["rows"] == rows
            assert bounds["sample_low"] - ROUNDING <= exact <= bounds["sample_high"] + ROUNDING, feature
            assert bounds["at_least"] <= exact + ROUNDING
            assert exact <= bounds["at_most"] + ROUNDING


def assert_metrics(
    metrics: Exposition, status: dict[str, Any], truth: Truth, windows: dict[str, int], unit: float
) -> None:
    """What Prometheus would scrape is the truth too, and the same as /status.json."""
    served, rows = truth.served, truth.predictions
    of = {"model": served.model, "version": served.version, "segment": ""}

    def read(name: str, **labels: str) -> float:
        return metrics(f"tiltmeter_{name}", **of, **labels)

    assert read("predictions_total") == len(rows)
    assert (
        metrics.total("tiltmeter_duplicate_predictions_total", content="same") == truth.repeated_predictions
    )
    assert metrics.total("tiltmeter_duplicate_predictions_total", content="different") == 0
    assert {k: read("feedback_total", outcome=k) for k in truth.feedback} == truth.feedback
    for feature in served.features:
        counted = [read("feature_values_total", feature=feature, state=state) for state in STATES]
        assert counted == truth.cells(feature)
    for name in windows:
        labelled = truth.label_window(name)
        assert read("window_samples", window=name) == len(labelled)
        assert read("window_predictions", window=name) == len(truth.prediction_window(name))
        for number, value in scores(labelled, unit).items():
            if number in GAUGES:
                assert read(GAUGES[number], window=name) == value
        for feature, bounds in status["drift"][name].items():
            gauges = [
                read("drift_ks", feature=feature, window=name, bound=b)
                for b in ("lower", "estimate", "upper")
            ]
            assert gauges == [bounds["at_least"], bounds["sample_low"], bounds["at_most"]]
    reference = {"reference_id": status["reference_id"], "state": "ready"}
    assert read("reference_info", **reference) == 1
    active = metrics.all("tiltmeter_alert_active", **of)
    assert [[a["kind"], a["subject"], a["severity"]] for a, on in active if on] == status["firing"]
    _assert_histograms(metrics, of, rows)


def _assert_histograms(metrics: Exposition, of: dict[str, str], rows: pd.DataFrame) -> None:
    latency = "tiltmeter_serving_latency_seconds"
    assert metrics(f"{latency}_count", **of) == len(rows)
    assert metrics(f"{latency}_sum", **of) == pytest.approx(rows["latency_ms"].sum() / 1e3, rel=1e-9)
    for labels, value in metrics.all(f"{latency}_bucket", **of):
        assert value == int((rows["latency_ms"] / 1e3 <= float(labels["le"])).sum())
    if "score" in rows:
        for labels, value in metrics.all("tiltmeter_prediction_score_bucket", **of):
            assert value == np.count_nonzero(rows["score"] < float(labels["le"]))
