"""A scrape is a snapshot: series are made from the state at the moment of asking, so none can go stale."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from tiltmeter.metrics.sample import Sample, Value
from tiltmeter.metrics.series_cap import Labels, SeriesCap
from tiltmeter.metrics.table import METRICS, Metric

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
#: What one metric has in one scrape.
Series = dict[str, dict[Labels, Value]]


class SnapshotCollector:
    """``parts`` is called at every scrape and gives the samples in parts: a part is read in one go, between two
    parts the worker goes on working."""

    def __init__(self, parts: Callable[[], Iterable[Iterable[Sample]]]) -> None:
        self._parts = parts
        self._caps = {name: SeriesCap(metric) for name, metric in METRICS.items()}
        self._dropped = 0
        self._one_at_a_time = asyncio.Lock()

    async def text(self) -> bytes:
        """The exposition. The event loop is held for one part at a time; the text is written in a thread."""
        async with self._one_at_a_time:
            for cap in self._caps.values():
                cap.begin()
            for part in self._parts():
                self._read(part)
                await asyncio.sleep(0)
            series = self._finish()
        return await asyncio.to_thread(_text, series)

    def _read(self, part: Iterable[Sample]) -> None:
        for metric, labels, value in part:
            self._caps[metric].add(labels, value)

    def _finish(self) -> Series:
        series: Series = {}
        for name, cap in self._caps.items():
            series[name], left_out = cap.finish()
            self._dropped += left_out
        series["dropped_series"] = {(): float(self._dropped)}
        return series


class _Families(Collector):
    """The shape in which the client library wants to be told."""

    def __init__(self, series: Series) -> None:
        self._series = series

    def collect(self) -> Iterator[Family]:
        for name, values in self._series.items():
            if values:
                family = _family(METRICS[name])
                for labels, value in values.items():
                    _add(family, labels, value)
                yield family


def _text(series: Series) -> bytes:
    return generate_latest(_Families(series))


def _family(metric: Metric) -> Family:
    name = f"tiltmeter_{metric.name}"
    if metric.kind == "counter":
        return CounterMetricFamily(name, metric.help, labels=metric.labels)
    if metric.kind == "histogram":
        return HistogramMetricFamily(name, metric.help, labels=metric.labels)
    return GaugeMetricFamily(name, metric.help, labels=metric.labels)


def _add(family: Family, labels: Labels, value: Value) -> None:
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(value, tuple)
        buckets, total = value
        family.add_metric(list(labels), buckets, total)
    else:
        assert not isinstance(value, tuple)
        family.add_metric(list(labels), value)
