"""The segments of a worker's versions: each one's place, and the worst of each version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tiltmeter.core.watch.leading_evidence import leading_evidence
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.processor.page.performance_points import mean_loss
from tiltmeter.processor.page.worst_segment import Gap, Standing, worst_first, worst_segment


def segment_places(shown: Iterable[VersionWatch]) -> dict[tuple[str, str], dict[str, Any]]:
    """What /status.json says of it, by (version, segment) of one model: ``worst_segment`` of a whole that has
    segments, ``segment_place`` of each of them, from 1, the worst. Versions without segments are left out."""
    wholes: dict[str, VersionWatch] = {}
    parts: dict[str, list[VersionWatch]] = {}
    for watch in shown:
        if watch.segment:
            parts.setdefault(watch.version, []).append(watch)
        else:
            wholes[watch.version] = watch
    told: dict[tuple[str, str], dict[str, Any]] = {}
    for version, segments in parts.items():
        standings = [standing(watch, wholes.get(version)) for watch in segments]
        told[version, ""] = {"worst_segment": worst_segment(standings)}
        for place, one in enumerate(worst_first(standings), 1):
            told[version, one.segment] = {"segment_place": place}
    return told


def standing(watch: VersionWatch, whole: VersionWatch | None) -> Standing:
    """Of a segment; without its whole nothing can be behind it."""
    firing = [alert.names for alert in watch.alerts() if alert.firing]
    referred = watch.features is not None or bool(watch.labelled.performance.evidence)
    comparable, gap = (False, None) if whole is None else gap_to(watch, whole)
    return Standing(watch.segment, firing, leading_evidence(watch), gap, comparable or referred)


def gap_to(watch: VersionWatch, whole: VersionWatch) -> tuple[bool, Gap | None]:
    """Over the shortest window with ``min_samples`` labels on both sides, of the same time: is there one, and is
    the whole better than the segment's 95 % interval? Of many segments some would always look worse."""
    regression, least = whole.labelled.performance.regression, max(whole.min_samples, 1)
    last, newest = watch.labelled.last_pane, whole.labelled.last_pane
    if last is None or newest is None:
        return False, None
    for window, panes in sorted(whole.policy.windows.items(), key=lambda item: (item[1], item[0])):
        (labels, here, low, _), (every, of_all, *_) = (
            mean_loss(of.labelled.windows[window].total, regression) for of in (watch, whole)
        )
        if min(labels, every) >= least and newest - last < panes * whole.policy.pane_ms:
            break
    else:
        return False, None
    if not low > of_all:
        return True, None
    if regression:
        return True, Gap("mean absolute error", window, here, of_all, _excess(here, of_all))
    return True, Gap("accuracy", window, 1 - here, 1 - of_all, here - of_all)


def _excess(here: float, of_all: float) -> float:
    """Of a ratio above 1, bounded: where all others are exact there is none."""
    return min(here / of_all - 1, 1e6) if of_all > 0 else 1e6
