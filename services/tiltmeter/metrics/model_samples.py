"""What is published about a model, read from its watcher."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from tiltmeter.core.expectations import VIOLATIONS
from tiltmeter.core.panes.feature_counts import STATES
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import LATENCY_LIMITS_SECONDS, SCORE_BINS, PredictionPane
from tiltmeter.core.performance import classification, regression
from tiltmeter.core.version_watch import VersionWatch
from tiltmeter.core.watcher import Watcher
from tiltmeter.metrics.sample import Sample


def model_samples(watcher: Watcher) -> Iterator[Sample]:
    """All versions and segments of one model."""
    for watch in watcher.shown():
        yield from _version(watch)
    yield Sample("pane_conflicts", (watcher.model,), watcher.merge.counters.conflicting)
    yield Sample("stray_panes", (watcher.model,), watcher.merge.counters.stray)


def _version(watch: VersionWatch) -> Iterator[Sample]:
    of = (watch.model, watch.version, watch.segment)
    total = watch.total
    yield Sample("predictions", of, total.events)
    yield Sample("prediction_errors", of, total.errors)
    for outcome, count in watch.feedback.items():
        yield Sample("feedback", (*of, outcome), count)
    for name, counts in total.features.items():
        for state, count in zip(STATES, counts.cells.tolist(), strict=True):
            yield Sample("feature_values", (*of, name, state), count)
    for name, broken in total.expectations.items():
        for violation, count in zip(VIOLATIONS, broken.tolist(), strict=True):
            yield Sample("expectation_violations", (*of, name, violation), count)
    yield from _histograms(of, total)
    unreferenced = "learning" if watch.learner is not None or watch.learned is not None else "none"
    state = "ready" if watch.features is not None else unreferenced
    yield Sample("reference_info", (*of, total.reference_id, state), 1)
    for window, labels in watch.labels.items():
        yield from _performance((*of, window), labels.total, watch)
    yield from _drift(of, watch)
    fired: Counter[tuple[str, str]] = Counter()
    for alert in watch.alerts():
        kind, _, severity = alert.names
        fired[(kind, severity)] += alert.state.fired
        yield Sample("alert_active", (*of, *alert.names), float(alert.firing))
    for names, count in fired.items():
        yield Sample("alerts", (*of, *names), count)


def _histograms(of: tuple[str, ...], total: PredictionPane) -> Iterator[Sample]:
    if total.scores.any():
        limits = [f"{(i + 1) / SCORE_BINS:g}" for i in range(SCORE_BINS - 1)]
        middle = sum((i + 0.5) / SCORE_BINS * n for i, n in enumerate(total.scores.tolist()))
        yield Sample("prediction_score", of, (_cumulative(limits, total.scores.tolist()), middle))
    if total.latencies.any():
        limits = [f"{limit:g}" for limit in LATENCY_LIMITS_SECONDS]
        buckets = _cumulative(limits, total.latencies.tolist())
        yield Sample("serving_latency_seconds", of, (buckets, total.latency_us / 1e6))


def _cumulative(limits: list[str], counts: list[int]) -> list[tuple[str, float]]:
    buckets, so_far = [], 0
    for limit, n in zip([*limits, "+Inf"], counts, strict=True):
        so_far += n
        buckets.append((limit, float(so_far)))
    return buckets


def _performance(of: tuple[str, ...], outcomes: Outcomes, watch: VersionWatch) -> Iterator[Sample]:
    """NaN below the smallest sample size a number may rest on: an honest gap, not a guess."""
    yield Sample("window_samples", of, outcomes.n)
    enough = outcomes.n >= watch.min_samples
    values: dict[str, float] = {}
    if outcomes.confusion:
        values["accuracy_ratio"] = classification.accuracy(outcomes)
        triple = classification.precision_recall_f1(outcomes)
        values.update(zip(("precision_ratio", "recall_ratio", "f1_ratio"), triple, strict=True))
        if outcomes.sum("scored"):
            values["log_loss"] = classification.log_loss(outcomes)
            values["brier_score"] = classification.brier_score(outcomes)
    elif outcomes.sum("scored"):
        values["mae"] = regression.mae(outcomes)
        values["rmse"] = regression.rmse(outcomes)
        values["bias"] = regression.bias(outcomes)
        values["r2"] = regression.r2(outcomes)
    for name, value in values.items():
        yield Sample(name, of, value if enough else math.nan)


def _drift(of: tuple[str, ...], watch: VersionWatch) -> Iterator[Sample]:
    for window, ring in watch.predictions.items():
        yield Sample("window_predictions", (*of, window), ring.total.events)
        if watch.features is None:
            continue
        for feature, drift in watch.features.drifts(ring.total):
            enough = drift.rows >= watch.min_samples
            for bound, value in (
                ("lower", max(drift.low, 0.0)),
                ("estimate", drift.estimate),
                ("upper", drift.high),
            ):
                yield Sample("drift_ks", (*of, feature, window, bound), value if enough else math.nan)
    performance = watch.performance
    for severity, evidence in performance.evidence.items():
        detector = f"e_detector_{severity}"
        yield Sample("drift_evidence_ratio", (*of, detector, performance.subject), evidence.ratio)
    if performance.adwin.width:
        yield Sample("adwin_mean", (*of, performance.subject), performance.adwin.mean)
        for direction, cuts in performance.cuts.items():
            yield Sample("adwin_cuts", (*of, performance.subject, direction), cuts)
