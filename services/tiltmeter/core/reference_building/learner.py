"""A reference from a version's first predictions, for versions that nobody gave one (``from_first``).

Deterministic: it is made from merged panes in order of time, so every replay learns the same reference with the
same id. What the first predictions were like is taken as good: if the model starts broken, that is the reference.
Panes hold no rows, so a learned reference cannot say how features go together.
"""

from __future__ import annotations

from typing import Any

from tiltmeter.core.panes.feature_counts import NONFINITE, OK, FeatureCounts
from tiltmeter.core.panes.kept_names import MOST_FEATURES, MOST_TEXTS, only_kept
from tiltmeter.core.panes.log_linear import bounds, quantile_edges
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import MINUTE
from tiltmeter.core.reference.profile import (
    OUTPUT,
    CategoricalFeature,
    NumericFeature,
    Profile,
    ReferenceProfile,
)
from tiltmeter.core.reference_building.builder import TOP

#: A learned reference takes effect so many panes, and at least so long, after the last pane it was learned from:
#: every join worker must know it before the first pane that uses it begins.
LEAD_PANES, LEAD_MS = 6, MINUTE


class Learner:
    """Collects closed panes without a reference until they hold ``needed`` successful predictions."""

    def __init__(self, needed: int) -> None:
        self.needed = needed
        self.seen = 0
        self._features: dict[str, FeatureCounts] = {}
        self._output = FeatureCounts()

    def on_pane(self, pane: PredictionPane) -> ReferenceProfile | None:
        """The reference, once, with the pane that completes it."""
        self.seen += pane.events - pane.errors
        for name, counts in pane.features.items():
            if name != OUTPUT:
                self._features.setdefault(name, FeatureCounts()).add(counts)
        self._output.add(pane.output)
        self._keep_within_bounds()
        if self.seen < self.needed or not self._features:
            return None
        width = pane.key.width_ms
        lead = max(LEAD_PANES * width, LEAD_MS)
        return ReferenceProfile(
            model=pane.key.model,
            version=pane.key.version,
            segment=pane.key.segment,
            effective_from_ms=-(-(pane.key.end_ms + lead) // width) * width,
            rows=self.seen,
            features={name: _profile(counts, self.seen) for name, counts in sorted(self._features.items())},
            prediction=_profile(self._output, self.seen) if self._output.cells[OK] else None,
        )

    def _keep_within_bounds(self) -> None:
        """Panes that each keep to the bounds on names from the stream may not together."""
        self._features = only_kept(self._features, MOST_FEATURES)
        for counts in (*self._features.values(), self._output):
            if counts.categories is not None:
                counts.categories = only_kept(counts.categories, MOST_TEXTS)

    def snapshot(self) -> dict[str, Any]:
        return {
            "seen": self.seen,
            "features": {name: counts.to_wire() for name, counts in self._features.items()},
            "output": self._output.to_wire(),
        }

    def restore(self, wire: dict[str, Any]) -> None:
        self.seen = wire["seen"]
        self._features = {name: FeatureCounts.from_wire(counts) for name, counts in wire["features"].items()}
        self._output = FeatureCounts.from_wire(wire["output"])


def _profile(counts: FeatureCounts, rows: int) -> Profile:
    """Numbers if most of the cells were numbers, categories otherwise; the rest will count as wrong types."""
    numbers, categories = counts.log_bins or {}, counts.categories or {}
    n, m = sum(numbers.values()), sum(categories.values())
    if n >= m:
        edges, binned = quantile_edges(numbers) if n else quantile_edges({0: 0})
        return NumericFeature(
            edges,
            binned,
            missing=rows - n - m - int(counts.cells[NONFINITE]),
            nonfinite=int(counts.cells[NONFINITE]),
            minimum=bounds(min(numbers))[0] if n else float("inf"),
            maximum=bounds(max(numbers))[1] if n else float("-inf"),
        )
    top = dict(sorted(sorted(categories.items()), key=lambda item: -item[1])[:TOP])
    return CategoricalFeature(dict(sorted(top.items())), m - sum(top.values()), rows - m)
