"""ADWIN's windows, of the error and of everything else that is followed."""

from __future__ import annotations

from collections.abc import Iterator

from tiltmeter.core.drift.adaptive_mean import AdaptiveMean
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample


def adaptive_means(watch: VersionWatch) -> Iterator[tuple[str, AdaptiveMean, float]]:
    """(signal, its window and cuts, its mean). Before the first label pane a model that decides its task itself has
    no error to name."""
    error = watch.labelled.performance.adwin
    if watch.labelled.last_pane is not None:
        yield watch.labelled.performance.subject, error, error.window.mean
    yield from watch.means.shown(watch.labelled.first_performance)


def adwin_samples(watch: VersionWatch) -> Iterator[Sample]:
    for signal, adaptive, mean in adaptive_means(watch):
        of = (watch.model, watch.version, watch.segment, signal)
        for direction, cuts in adaptive.cuts.items():
            yield Sample("adwin_cuts", (*of, direction), cuts)
        if adaptive.window.width:
            yield Sample("adwin_mean", of, mean)
        if adaptive.last_cut is not None:
            yield Sample("adwin_last_cut_timestamp_seconds", of, adaptive.last_cut.at_ms / 1000)
