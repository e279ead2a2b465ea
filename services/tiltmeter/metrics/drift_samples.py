"""How far a model's inputs, predictions and labels are from their reference, in each window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from tiltmeter.core.drift.further_measures import FurtherMeasures
from tiltmeter.core.drift.normal_scores import two_sided_p_value
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.watch.compared import Compared
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample

#: A part of so many samples takes about ten milliseconds.
PART = 300
Total = TypeVar("Total")


def drift_parts(watch: VersionWatch) -> Iterator[list[Sample]]:
    """In parts, because a window of a thousand features takes a tenth of a second. A pane may close between two
    of them: then some features are shown with it and some without."""
    for window in list(watch.predictions):
        samples = _drift(watch, window)
        while part := list(islice(samples, PART)):
            yield part


def _drift(watch: VersionWatch, window: str) -> Iterator[Sample]:
    of, total = (watch.model, watch.version, watch.segment), watch.predictions[window].total
    decisive = window == watch.policy.detection_window
    yield Sample("window_predictions", (*of, window), total.events)
    if watch.features is not None:
        yield from _distances(watch, window, watch.features, total)
        if decisive:
            for detector, feature, ratio in watch.features.evidence_ratios(total):
                yield Sample("drift_evidence_ratio", (*of, detector, feature), ratio)
        yield from _joint(watch, window, total)
    if watch.labelled.drift is not None:
        yield from _distances(watch, window, watch.labelled.drift, watch.labelled.windows[window].total)
        if decisive:
            for detector, feature, ratio in watch.labelled.drift.evidence_ratios():
                yield Sample("drift_evidence_ratio", (*of, detector, feature), ratio)


def _distances(watch: VersionWatch, window: str, compared: Compared[Total], total: Total) -> Iterator[Sample]:
    """NaN below the smallest sample size. Effect sizes are unsure where KS is certain: nothing alarms on them."""
    of = (watch.model, watch.version, watch.segment)
    decisive = window == watch.policy.detection_window
    drifts = {}
    for feature, drift in compared.drifts(total):
        drifts[feature] = drift
        enough = drift.rows >= watch.min_samples
        for bound, value in (
            ("lower", max(drift.low, 0.0)),
            ("estimate", drift.estimate),
            ("upper", drift.high),
        ):
            yield Sample("drift_ks", (*of, feature, window, bound), value if enough else math.nan)
    if decisive:
        for feature, level in compared.drifted().items():
            yield Sample("feature_drifted", (*of, feature), level)
        for feature, phi in compared.overdispersion().items():
            yield Sample("overdispersion", (*of, feature), math.nan if phi is None else phi)
    for feature, sizes in compared.effects(total):
        enough = sizes.rows >= watch.min_samples
        labels = (*of, feature, window)
        yield Sample("drift_psi", labels, sizes.psi if enough else math.nan)
        yield Sample("drift_js", labels, sizes.jensen_shannon if enough else math.nan)
        if sizes.wasserstein is not None:
            yield Sample("drift_wasserstein", labels, sizes.wasserstein if enough else math.nan)
    if decisive:
        for feature, measures in compared.further(total, drifts):
            for name, kind, value in _further(measures):
                enough = measures.rows >= watch.min_samples
                yield Sample(name, (*of, feature, window, kind), value if enough else math.nan)


def _further(measures: FurtherMeasures) -> Iterator[tuple[str, str, float]]:
    """Of the detection window only: they cost as much as all others of a window, and few look at them."""
    yield "drift_distance", "kullback_leibler", measures.kullback_leibler
    yield "drift_distance", "hellinger", measures.hellinger
    if measures.chi_square is not None:
        yield "drift_statistic", "chi_square", measures.chi_square.statistic
        yield "drift_p_value", "chi_square", measures.chi_square.p_value
    if measures.ks_p_value is not None:
        yield "drift_p_value", "ks", measures.ks_p_value[1]
    if measures.normal_scores_z is not None:
        yield "drift_statistic", "normal_scores", measures.normal_scores_z
        yield "drift_p_value", "normal_scores", two_sided_p_value(measures.normal_scores_z)


def _joint(watch: VersionWatch, window: str, total: PredictionPane) -> Iterator[Sample]:
    if watch.joint is None or not watch.policy.joint:
        return
    of, drift = (watch.model, watch.version, watch.segment), watch.joint.drift(total)
    for name, value in (
        ("correlation_change", drift.change),
        ("reconstruction_error_ratio", drift.reconstruction),
        ("outlier_ratio", drift.outlier_ratio),
    ):
        yield Sample(name, (*of, window), value if drift.rows >= watch.min_samples else math.nan)
    mmd = watch.joint.mmd(total)
    if mmd is not None:
        yield Sample("drift_mmd", (*of, window), mmd.mmd if mmd.rows >= watch.min_samples else math.nan)
    if window == watch.policy.detection_window:
        for subject, evidence in watch.joint.evidence().items():
            yield Sample("drift_evidence_ratio", (*of, "e_sr", subject), evidence.ratio)
