"""What is published about a model, read from its watcher; one family of metrics a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.metrics.adwin_samples import adwin_samples
from tiltmeter.metrics.alert_samples import alert_samples
from tiltmeter.metrics.class_samples import class_samples
from tiltmeter.metrics.drift_samples import drift_parts
from tiltmeter.metrics.evidence_samples import evidence_samples
from tiltmeter.metrics.late_label_samples import late_label_samples
from tiltmeter.metrics.performance_samples import performance_samples
from tiltmeter.metrics.sample import Sample
from tiltmeter.metrics.score_samples import score_samples
from tiltmeter.metrics.volume_samples import volume_samples

#: Each reads one version and segment and leads its labels with (model, version, segment).
FAMILIES: tuple[Callable[[VersionWatch], Iterator[Sample]], ...] = (
    volume_samples,
    performance_samples,
    class_samples,
    score_samples,
    evidence_samples,
    adwin_samples,
    late_label_samples,
    alert_samples,
)


def model_samples(watcher: Watcher) -> Iterator[Iterable[Sample]]:
    """Of one model, in parts that cost milliseconds; each reads one moment's state."""
    yield _merge(watcher)
    for watch in list(watcher.shown()):
        yield _version(watch)
        yield from drift_parts(watch)


def _version(watch: VersionWatch) -> Iterator[Sample]:
    for family in FAMILIES:
        yield from family(watch)


def _merge(watcher: Watcher) -> Iterator[Sample]:
    yield Sample("pane_conflicts", (watcher.model,), watcher.merge.counters.conflicting)
    yield Sample("stray_panes", (watcher.model,), watcher.merge.counters.stray)
    yield Sample("crowded_out_versions", (watcher.model,), watcher.crowded_out)
