"""What is known of predictions by the age of their labels, and before any label (docs/late-labels.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tiltmeter.core.late_labels.label_delay import QUANTILES, delay_quantile_ms
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample


def late_label_samples(watch: VersionWatch) -> Iterator[Sample]:
    """NaN where too few labels, or too young predictions, say something. Of a regression there is coverage only."""
    of = (watch.model, watch.version, watch.segment)
    late = watch.late
    delays = late.delays.total
    for quantile in QUANTILES:
        delay = delay_quantile_ms(delays.counts, quantile) if delays.n >= watch.min_samples else math.nan
        yield Sample("label_delay_seconds", (*of, f"{quantile:g}"), delay / 1000)
    for matured in late.matured:
        at = (*of, matured.maturity.name)
        yield Sample("label_coverage_ratio", at, matured.coverage_ratio())
        yield Sample("label_coverage_baseline_ratio", at, matured.usual_coverage())
        subject = f"labels_within_{matured.maturity.name}"
        yield Sample("drift_evidence_ratio", (*of, "e_sr", subject), matured.shortfall.evidence().ratio)
    if watch.labelled.performance.regression:
        return
    for matured in late.matured:
        at = (*of, matured.maturity.name)
        yield Sample("mature_accuracy_ratio", at, matured.accuracy())
        yield Sample("mature_precision_ratio", at, matured.precision())
        yield Sample("mature_recall_ratio", at, matured.recall())
    for age, estimate in late.nowcasts():
        yield Sample("nowcast_accuracy_ratio", (*of, age), estimate.accuracy)
        yield Sample("nowcast_precision_ratio", (*of, age), estimate.precision)
        yield Sample("nowcast_recall_ratio", (*of, age), estimate.recall)
    for window, drawn in late.weighted.items():
        if drawn.total:
            yield Sample("weighted_accuracy_ratio", (*of, window), drawn.total.accuracy())
    if late.errors is not None:
        for severity, alarm in late.errors.alarms.items():
            detector = f"e_detector_{severity}"
            yield Sample("drift_evidence_ratio", (*of, detector, "mature_error_rate"), alarm.evidence().ratio)
    yield from _expected(of, watch)


def _expected(of: tuple[str, str, str], watch: VersionWatch) -> Iterator[Sample]:
    """Of binary classifiers with scores."""
    for window, ring in watch.predictions.items():
        if ring.total.answers.scores is not None:
            accuracy = watch.estimated.accuracy(ring.total.answers)
            yield Sample("estimated_accuracy_ratio", (*of, window), accuracy)
    labels, gap = watch.late.gap.last
    if labels:
        enough = labels >= watch.min_samples
        yield Sample("realised_minus_expected_ratio", of, gap / labels if enough else math.nan)
