"""What the scores of a binary model are worth, over each of its windows: ranking and calibration."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tiltmeter.core.performance import calibration, ranking
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample

_BOUNDS = ("lower", "estimate", "upper")


def score_samples(watch: VersionWatch) -> Iterator[Sample]:
    """NaN below the smallest sample size, and where there is one class only."""
    if not watch.labelled.total.scores:
        return
    for window, labels in watch.labelled.windows.items():
        of, scores = (watch.model, watch.version, watch.segment, window), labels.total.scores
        enough = scores.n >= watch.min_samples
        for metric, bracket in (
            ("roc_auc", ranking.roc_auc(scores)),
            ("average_precision", ranking.average_precision(scores)),
        ):
            for bound, value in zip(_BOUNDS, bracket, strict=True):
                yield Sample(metric, (*of, bound), value if enough else math.nan)
        for metric, value in (
            ("score_separation", ranking.separation(scores)),
            ("calibration_in_the_large", calibration.in_the_large(scores)),
            ("expected_calibration_error", calibration.expected_calibration_error(scores)),
        ):
            yield Sample(metric, of, value if enough else math.nan)
