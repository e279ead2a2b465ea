"""What the list of models shows of one (model, version, segment), and what decides its place in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tiltmeter.core.late_labels.label_delay import QUANTILES, delay_limit_ms
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.processor.page.performance_points import performance_points
from tiltmeter.processor.page.worst_segment import SEVERITIES

#: Points of the small picture beside the name.
TREND_POINTS = 30


def headline(watch: VersionWatch) -> dict[str, Any]:
    """``severity`` is that of the worst firing alert; ``label_coverage`` is labelled per prediction, so far;
    ``label_delay_ms`` is at most what it says, by quantile; ``labels_within`` a maturity are (ratio, usual ratio), as
    in the metrics."""
    firing = [alert.names for alert in watch.alerts() if alert.firing]
    predictions, labelled = watch.total.events, watch.labelled.total.n
    return {
        "severity": min((severity for *_, severity in firing), key=SEVERITIES.index, default="ok"),
        "reference_state": reference_state(watch),
        "label_coverage": min(1.0, labelled / predictions) if predictions else None,
        "label_delay_ms": dict(label_delays_ms(watch)),
        "labels_within": {
            matured.maturity.name: [_number(matured.coverage_ratio()), _number(matured.usual_coverage())]
            for matured in watch.late.matured
        },
        "trend": [[at, value] for at, _, value, *_ in performance_points(watch, TREND_POINTS)["points"]],
        **rules(watch.policy, watch.total.key.width_ms),
    }


def label_delays_ms(watch: VersionWatch) -> Iterator[tuple[str, int | None]]:
    """By quantile, the limit of its age bucket; None while too few labels are known."""
    delays = watch.late.delays.total
    for quantile in QUANTILES:
        enough = delays.n >= watch.min_samples
        yield f"{quantile:g}", delay_limit_ms(delays.counts, quantile) if enough else None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


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
