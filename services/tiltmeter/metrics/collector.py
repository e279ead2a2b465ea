"""A scrape is a snapshot: series are made from the state at the moment of asking, so none can go stale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from tiltmeter.metrics.sample import Sample
from tiltmeter.metrics.table import METRICS, Metric

#: Series one metric may have. Beyond, series are dropped and counted: hostile names cannot grow a scrape.
SERIES_LIMIT = 5_000

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class SnapshotCollector(Collector):
    """``sources`` are asked at every scrape; the first sample of a series counts."""

    def __init__(self, sources: Iterable[Callable[[], Iterator[Sample]]]) -> None:
        self._sources = list(sources)
        self._dropped = 0

    def describe(self) -> Iterator[Family]:
        """Nothing is asked before the first scrape."""
        for metric in METRICS.values():
            yield _family(metric)

    def collect(self) -> Iterator[Family]:
        families: dict[str, Family] = {}
        series: dict[str, set[tuple[str, ...]]] = {}
        for source in self._sources:
            for sample in source():
                metric = METRICS[sample.metric]
                seen = series.setdefault(metric.name, set())
                if sample.labels in seen:
                    continue
                if len(seen) >= SERIES_LIMIT:
                    self._dropped += 1
                    continue
                seen.add(sample.labels)
                if metric.name not in families:
                    families[metric.name] = _family(metric)
                _add(families[metric.name], sample)
        families["dropped_series"] = _family(METRICS["dropped_series"])
        _add(families["dropped_series"], Sample("dropped_series", (), self._dropped))
        yield from families.values()


def _family(metric: Metric) -> Family:
    name = f"tiltmeter_{metric.name}"
    if metric.kind == "counter":
        return CounterMetricFamily(name, metric.help, labels=metric.labels)
    if metric.kind == "histogram":
        return HistogramMetricFamily(name, metric.help, labels=metric.labels)
    return GaugeMetricFamily(name, metric.help, labels=metric.labels)


def _add(family: Family, sample: Sample) -> None:
    labels = list(sample.labels)
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(sample.value, tuple)
        buckets, total = sample.value
        family.add_metric(labels, buckets, total)
    else:
        assert not isinstance(sample.value, tuple)
        family.add_metric(labels, sample.value)
