"""How well a model tells classes apart, over each of its windows: per class, on average, beyond chance."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tiltmeter.core.performance import agreement
from tiltmeter.core.performance.class_counts import ClassCounts
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample

#: Classes with series of their own: the most frequent true ones since the beginning.
MOST_CLASSES = 20
_MEASURES = ("precision", "recall", "f1")


def class_samples(watch: VersionWatch) -> Iterator[Sample]:
    """NaN below the smallest sample size, and where undefined."""
    if not watch.labelled.total.confusion:
        return
    ever = ClassCounts.of(watch.labelled.total)
    ranked = sorted(zip(ever.actual, ever.names, strict=True), key=lambda item: (-item[0], item[1]))
    shown = [name for _, name in ranked[:MOST_CLASSES]]
    for window, labels in watch.labelled.windows.items():
        of = (watch.model, watch.version, watch.segment, window)
        counts = ClassCounts.of(labels.total)
        enough = labels.total.n >= watch.min_samples
        for name in shown:
            for measure, value in zip(_MEASURES, counts.scores(name), strict=True):
                yield Sample(f"class_{measure}_ratio", (*of, name), value if enough else math.nan)
        for average, means in (
            ("macro", counts.macro()),
            ("micro", counts.micro()),
            ("weighted", counts.weighted()),
        ):
            for measure, value in zip(_MEASURES, means, strict=True):
                yield Sample(f"average_{measure}_ratio", (*of, average), value if enough else math.nan)
        for metric, value in (
            ("balanced_accuracy_ratio", agreement.balanced_accuracy(counts)),
            ("matthews_correlation", agreement.matthews_correlation(counts)),
            ("kappa", agreement.kappa(counts)),
        ):
            yield Sample(metric, of, value if enough else math.nan)
