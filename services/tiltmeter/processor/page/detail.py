"""/model.json: what the status page draws of one (model, version, segment)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tiltmeter.core.verdicts.alert_state import ActiveAlert
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.processor.page.distribution import distributions, label_distribution
from tiltmeter.processor.page.performance_points import performance_points


def detail(
    watch: VersionWatch, window: str, alerts: Iterable[dict[str, Any]], *, measured: bool = False
) -> dict[str, Any]:
    """``window`` names a window of predictions; ``alerts`` are those of the model, oldest first; ``measured`` asks
    for more than is drawn."""
    mine = [a for a in alerts if (a["version"], a["segment"]) == (watch.version, watch.segment)]
    return {
        "model": watch.model,
        "version": watch.version,
        "segment": watch.segment,
        "window": window,
        "performance": performance_points(watch),
        "distributions": [*_distributions(watch, window, measured=measured)],
        "firing": [_firing(a) for a in watch.alerts() if a.firing],
        "timeline": mine,
    }


def _distributions(watch: VersionWatch, window: str, *, measured: bool) -> Iterator[dict[str, Any]]:
    if watch.features is not None:
        yield from distributions(watch.features, watch.predictions[window].total, measured=measured)
    if watch.labelled.drift is not None:
        yield from label_distribution(
            watch.labelled.drift, watch.labelled.windows[window].total, measured=measured
        )


def _firing(alert: ActiveAlert) -> dict[str, Any]:
    kind, subject, severity = alert.names
    state = alert.state
    return {
        "kind": kind,
        "subject": subject,
        "severity": severity,
        "since": state.first_ms,
        "last": state.last_ms,
        "summary": state.summary,
        "evidence": state.evidence,
        "subjects": state.subjects,
        "guarantee": state.subject.guarantee if state.subject is not None else "",
    }
