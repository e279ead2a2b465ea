"""A scrape: what the exposition holds, and that it cannot be grown from outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tiltmeter.metrics import collector
from tiltmeter.metrics.collector import SnapshotCollector
from tiltmeter.metrics.sample import Sample
from tiltmeter.metrics.table import METRICS


def _scrape(*samples: Sample) -> dict[str, list[tuple[dict[str, str], float]]]:
    def source() -> Iterator[Sample]:
        yield from samples

    registry = CollectorRegistry()
    registry.register(SnapshotCollector([source]))
    series: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            series.setdefault(sample.name, []).append((sample.labels, sample.value))
    return series


def test_a_counter_gets_its_suffix_and_its_labels() -> None:
    series = _scrape(Sample("predictions", ("churn", "3", ""), 7))
    assert series["tiltmeter_predictions_total"] == [({"model": "churn", "version": "3", "segment": ""}, 7.0)]


def test_a_histogram_is_cumulative_and_has_a_sum() -> None:
    buckets = [("0.5", 3.0), ("+Inf", 5.0)]
    series = _scrape(Sample("prediction_score", ("churn", "3", ""), (buckets, 2.25)))
    assert [value for _, value in series["tiltmeter_prediction_score_bucket"]] == [3.0, 5.0]
    assert series["tiltmeter_prediction_score_count"][0][1] == 5.0
    assert series["tiltmeter_prediction_score_sum"][0][1] == 2.25


def test_hostile_names_are_escaped_and_cannot_break_the_exposition() -> None:
    hostile = 'x"} 1\ntiltmeter_evil_total 1\n\\'
    series = _scrape(Sample("predictions", (hostile, "3", ""), 1))
    assert series["tiltmeter_predictions_total"][0][0]["model"] == hostile
    assert "tiltmeter_evil_total" not in series


def test_hostile_names_cannot_grow_a_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "SERIES_LIMIT", 10)
    series = _scrape(*(Sample("predictions", (f"m{i}", "1", ""), 1) for i in range(100)))
    assert len(series["tiltmeter_predictions_total"]) == 10
    assert series["tiltmeter_dropped_series_total"] == [({}, 90.0)]


def test_a_series_that_is_no_longer_measured_is_gone_at_the_next_scrape() -> None:
    models = ["a", "b"]
    registry = CollectorRegistry()
    registry.register(
        SnapshotCollector([lambda: iter([Sample("predictions", (model, "1", ""), 1) for model in models])])
    )
    assert b'model="a"' in generate_latest(registry)
    models.remove("a")
    assert b'model="a"' not in generate_latest(registry)


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in METRICS.values():
        assert not metric.name.endswith(("_total", "_count", "_sum")), metric.name
        assert metric.help.endswith("."), metric.name
        assert len(set(metric.labels)) == len(metric.labels), metric.name
