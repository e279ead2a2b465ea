"""What the detectors on a model's losses hold: evidence, and by how much panes differ."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample


def evidence_samples(watch: VersionWatch) -> Iterator[Sample]:
    """Before the first label pane a model that decides its task itself has no signal to name."""
    of = (watch.model, watch.version, watch.segment)
    performance = watch.labelled.performance
    for severity, subject, ratio in performance.ratios():
        yield Sample("drift_evidence_ratio", (*of, f"e_detector_{severity}", subject), ratio)
    if performance.comparison is not None:
        for detector, drifts in performance.comparison.drifts.items():
            yield Sample("comparison_drifts", (*of, detector), drifts)
    if performance.evidence:
        phi = performance.phi
        yield Sample("overdispersion", (*of, performance.subject), math.nan if phi is None else phi)
    for feature, ratio in watch.quality.evidence_ratios().items():
        yield Sample("drift_evidence_ratio", (*of, "e_sr_quality", feature), ratio)
