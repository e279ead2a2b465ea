"""What the list of models shows of one (model, version, segment), and what decides its place in it."""

from __future__ import annotations

from typing import Any

from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.version_watch import VersionWatch
from tiltmeter.processor.page.performance_points import performance_points

#: Worst first.
SEVERITIES = ("critical", "warning", "info", "ok")
#: Points of the small picture beside the name.
TREND_POINTS = 30


def headline(watch: VersionWatch) -> dict[str, Any]:
    """``severity`` is that of the worst firing alert; ``label_coverage`` is labelled per prediction, so far."""
    firing = [alert.names for alert in watch.alerts() if alert.firing]
    predictions, labelled = watch.total.events, watch.all_labels.n
    return {
        "severity": min((severity for *_, severity in firing), key=SEVERITIES.index, default="ok"),
        "reference_state": reference_state(watch),
        "label_coverage": min(1.0, labelled / predictions) if predictions else None,
        "trend": [[at, value] for at, _, value, *_ in performance_points(watch, TREND_POINTS)["points"]],
        **rules(watch.policy, watch.total.key.width_ms),
    }


def reference_state(watch: VersionWatch) -> str:
    """As in ``tiltmeter_reference_info``: ready, learning or none."""
    if watch.features is not None:
        return "ready"
    return "learning" if watch.learner is not None else "none"


def rules(policy: ModelPolicy, pane_ms: int) -> dict[str, Any]:
    """What the numbers are judged by."""
    tolerances = policy.tolerances
    return {
        "pane_ms": pane_ms,
        "windows": dict(policy.windows),
        "detection_window": policy.detection_window,
        "min_samples": tolerances.min_samples,
        "drift_tolerances": {"info": tolerances.feature_ks, "warning": tolerances.feature_ks_large},
    }
