"""How much a model predicts, what became of its feedback, and what its inputs were made of."""

from __future__ import annotations

from collections.abc import Iterator

from tiltmeter.core.expectations import VIOLATIONS
from tiltmeter.core.panes.feature_counts import STATES
from tiltmeter.core.panes.prediction_pane import LATENCY_LIMITS_SECONDS, SCORE_BINS, PredictionPane
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample


def volume_samples(watch: VersionWatch) -> Iterator[Sample]:
    """Exact totals. A feature of the reference counts from zero, also before it has come."""
    of = (watch.model, watch.version, watch.segment)
    total = watch.total
    yield Sample("predictions", of, total.events)
    yield Sample("prediction_errors", of, total.errors)
    for outcome, count in watch.labelled.feedback.items():
        yield Sample("feedback", (*of, outcome), count)
    known = watch.features.reference.features if watch.features is not None else {}
    for name in (*known, *(name for name in total.features if name not in known)):
        counts = total.features.get(name)
        cells = counts.cells.tolist() if counts is not None else [0] * len(STATES)
        for state, count in zip(STATES, cells, strict=True):
            yield Sample("feature_values", (*of, name, state), count)
    for name, broken in total.expectations.items():
        for violation, count in zip(VIOLATIONS, broken.tolist(), strict=True):
            yield Sample("expectation_violations", (*of, name, violation), count)
    yield from _histograms(of, total)
    unreferenced = "learning" if watch.learner is not None or watch.learned is not None else "none"
    state = "ready" if watch.features is not None else unreferenced
    yield Sample("reference_info", (*of, total.reference_id, state), 1)


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
