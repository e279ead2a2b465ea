"""Rolling performance of a model, over each of its windows."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.performance import classification, regression
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample


def performance_samples(watch: VersionWatch) -> Iterator[Sample]:
    """NaN below the smallest sample size a number may rest on: an honest gap, not a guess."""
    for window, labels in watch.labelled.windows.items():
        of = (watch.model, watch.version, watch.segment, window)
        yield Sample("window_samples", of, labels.total.n)
        enough = labels.total.n >= watch.min_samples
        values = _values(labels.total)
        for name, value in values.items():
            yield Sample(name, of, value if enough else math.nan)
        if "mae" in values:
            yield from _of_errors(watch, of, labels.total, enough)


def _values(outcomes: Outcomes) -> dict[str, float]:
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
    return values


def _of_errors(
    watch: VersionWatch, of: tuple[str, ...], outcomes: Outcomes, enough: bool
) -> Iterator[Sample]:
    quantile, reference = watch.policy.quantile, watch.labelled.residuals_of
    loss = regression.pinball_loss(outcomes, quantile)
    yield Sample("pinball_loss", (*of, f"{quantile:g}"), loss if enough else math.nan)
    if reference is not None and reference.residual_counts:
        distance = regression.residual_ks(outcomes, reference)
        yield Sample("residual_ks", of, distance if enough else math.nan)
