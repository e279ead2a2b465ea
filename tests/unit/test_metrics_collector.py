"""A scrape: what the exposition holds, and that it cannot be grown from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ops.tools import run
from tiltmeter.metrics import series_cap
from tiltmeter.metrics.collector import SnapshotCollector
from tiltmeter.metrics.sample import Sample
from tiltmeter.metrics.table import METRICS, OPEN_LABELS

Read = dict[str, list[tuple[dict[str, str], float]]]


class Scene:
    """A collector over samples that a test may change between scrapes."""

    def __init__(self, *samples: Sample) -> None:
        self.samples = list(samples)
        self._collector = SnapshotCollector(lambda: [iter(self.samples)])

    def text(self) -> str:
        return asyncio.run(self._collector.text()).decode()

    def scrape(self) -> Read:
        return parsed(self.text())


def parsed(text: str) -> Read:
    series: Read = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series.setdefault(sample.name, []).append((sample.labels, sample.value))
    return series


def _scrape(*samples: Sample) -> Read:
    return Scene(*samples).scrape()


def _counted(*models: str, value: float = 1) -> list[Sample]:
    return [Sample("predictions", (model, "1", ""), value) for model in models]


def _models(read: Read, name: str = "tiltmeter_predictions_total") -> dict[str, float]:
    return {labels["model"]: value for labels, value in read[name]}


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(series_cap, "SERIES_LIMIT", 10)
    return 10


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


def test_counters_beyond_the_limit_are_added_up_in_one_series(limit: int) -> None:
    read = _scrape(*_counted(*(f"m{i}" for i in range(100))))
    assert _models(read) == {f"m{i}": 1.0 for i in range(limit)} | {"__other__": 90.0}
    assert read["tiltmeter_dropped_series_total"] == [({}, 90.0)]


def test_what_is_not_a_name_stays_apart_when_series_are_folded(limit: int) -> None:
    read = _scrape(
        *(Sample("feedback", (f"m{i}", "1", "", o), 1) for i in range(50) for o in ("matched", "duplicate"))
    )
    others = [(labels, value) for labels, value in read["tiltmeter_feedback_total"] if value > 1]
    other = {"model": "__other__", "version": "__other__", "segment": "__other__"}
    assert others == [({**other, "outcome": "matched"}, 45.0), ({**other, "outcome": "duplicate"}, 45.0)]


def test_histograms_are_folded_bucket_by_bucket(limit: int) -> None:
    histogram = ([("0.5", 1.0), ("+Inf", 3.0)], 2.0)
    read = _scrape(*(Sample("prediction_score", (f"m{i}", "1", ""), histogram) for i in range(12)))
    buckets = [v for of, v in read["tiltmeter_prediction_score_bucket"] if of["model"] == "__other__"]
    assert buckets == [2.0, 6.0]
    assert _models(read, "tiltmeter_prediction_score_sum")["__other__"] == 4.0


def test_gauges_that_cannot_be_added_are_left_out_and_counted(limit: int) -> None:
    read = _scrape(*(Sample("accuracy_ratio", (f"m{i}", "1", "", "short"), 0.5) for i in range(30)))
    assert len(read["tiltmeter_accuracy_ratio"]) == limit
    assert "__other__" not in _models(read, "tiltmeter_accuracy_ratio")
    assert read["tiltmeter_dropped_series_total"] == [({}, 20.0)]


def test_an_alert_beyond_the_limit_is_still_heard(limit: int) -> None:
    names = ("performance", "error_rate", "critical")
    quiet = [Sample("alert_active", (f"m{i}", "1", "", *names), 0) for i in range(30)]
    assert _models(_scrape(*quiet), "tiltmeter_alert_active")["__other__"] == 0.0
    firing = Sample("alert_active", ("late", "1", "", *names), 1)
    assert _models(_scrape(*quiet, firing, firing), "tiltmeter_alert_active")["__other__"] == 1.0


def test_a_model_that_calls_itself_other_is_part_of_the_sum(limit: int) -> None:
    other = Sample("predictions", ("__other__",) * 3, 5)
    for samples in ([other, *_counted(*map(str, range(20)))], [*_counted(*map(str, range(20))), other]):
        read = _scrape(*samples)
        assert sum(value for _, value in read["tiltmeter_predictions_total"]) == 25.0
        assert len(_models(read)) == len(read["tiltmeter_predictions_total"])


def test_the_series_that_survive_do_not_change_with_the_order(limit: int) -> None:
    scene = Scene(*_counted(*(f"m{i}" for i in range(30))))
    first = _models(scene.scrape())
    scene.samples = [*_counted("new", "newer"), *reversed(scene.samples)]
    assert _models(scene.scrape()) == first | {"__other__": 22.0}


def test_a_folded_counter_never_leaves_the_sum_while_it_exists(limit: int) -> None:
    """Otherwise the sum would fall, and Prometheus would take that for a reset."""
    scene = Scene(*_counted(*(f"m{i}" for i in range(30))))
    scene.scrape()
    scene.samples = [s for s in scene.samples if s.labels[0] not in ("m0", "m1")]
    for _ in range(3):
        assert _models(scene.scrape())["__other__"] == 20.0


def test_a_new_series_takes_the_place_of_one_that_is_gone(limit: int) -> None:
    scene = Scene(*_counted(*(f"m{i}" for i in range(15))))
    scene.scrape()
    del scene.samples[0]
    scene.scrape()
    scene.samples += _counted("new")
    assert _models(scene.scrape())["new"] == 1.0


def test_once_all_have_room_nothing_is_folded_any_more(limit: int) -> None:
    scene = Scene(*_counted(*(f"m{i}" for i in range(40))))
    scene.scrape()
    scene.samples = scene.samples[-limit:]
    scene.scrape()
    read = scene.scrape()
    assert _models(read) == {f"m{i}": 1.0 for i in range(30, 40)}


def test_a_gauge_comes_back_as_soon_as_there_is_room(limit: int) -> None:
    scene = Scene(*(Sample("mae", (f"m{i}", "1", "", "short"), 1) for i in range(12)))
    scene.scrape()
    del scene.samples[:2]
    scene.scrape()
    assert set(_models(scene.scrape(), "tiltmeter_mae")) == {f"m{i}" for i in range(2, 12)}


def test_a_scrape_that_failed_leaves_nothing_behind() -> None:
    scene = Scene(*_counted("a"))

    def broken() -> Iterator[Sample]:
        yield from _counted("a", value=1)
        raise ArithmeticError

    collector = SnapshotCollector(lambda: [broken()] if scene.samples else [iter(_counted("b"))])
    with pytest.raises(ArithmeticError):
        asyncio.run(collector.text())
    scene.samples.clear()
    assert _models(parsed(asyncio.run(collector.text()).decode())) == {"b": 1.0}


def test_a_series_that_is_no_longer_measured_is_gone_at_the_next_scrape() -> None:
    scene = Scene(*_counted("a", "b"))
    assert set(_models(scene.scrape())) == {"a", "b"}
    del scene.samples[0]
    assert set(_models(scene.scrape())) == {"b"}


def hostile() -> Iterator[Sample]:
    """More series of every metric than there may be, a hundred thousand of three, with names from outside."""
    for metric in METRICS.values():
        if metric.name == "dropped_series":
            continue
        value = ([("0.5", 1.0), ("+Inf", 1.0)], 0.5) if metric.kind == "histogram" else 1.0
        for number in range(100_000 if metric.name in ("predictions", "alert_active", "drift_psi") else 120):
            evil = f'{number}"}} 1\n# TYPE tiltmeter_evil_total counter\n\\\u202e\U0001f4a3\r\t\0'
            labels = tuple(
                evil.ljust(256, "\uffff") if label in OPEN_LABELS else "closed" for label in metric.labels
            )
            yield Sample(metric.name, labels, value)


def test_a_hundred_thousand_hostile_names_are_bounded_and_promtool_finds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(series_cap, "SERIES_LIMIT", 100)
    collector = SnapshotCollector(lambda: [hostile()])
    text = asyncio.run(collector.text()).decode()
    read = parsed(text)
    for name, series in read.items():
        buckets = 2 if name.endswith("_bucket") else 1
        assert name.startswith("tiltmeter_")
        assert len(series) <= 101 * buckets, name
        assert "evil" not in name
    assert sum(value for _, value in read["tiltmeter_predictions_total"]) == 100_000
    assert {"\n", '"', "\\", "\u202e"} <= set(read["tiltmeter_predictions_total"][0][0]["model"])
    assert _models(read, "tiltmeter_alert_active")["__other__"] == 1.0
    assert "__other__" not in _models(read, "tiltmeter_drift_psi")
    run("promtool", "check", "metrics", stdin=text)


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in METRICS.values():
        assert not metric.name.endswith(("_total", "_count", "_sum")), metric.name
        assert metric.help.endswith("."), metric.name
        assert len(set(metric.labels)) == len(metric.labels), metric.name


def test_no_label_has_a_name_that_prometheus_keeps_for_itself() -> None:
    assert not {label for metric in METRICS.values() for label in metric.labels} & {
        "le",
        "quantile",
        "job",
        "instance",
    }
