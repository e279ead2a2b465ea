"""A reference from a version's first predictions, for versions that nobody gave one (``from_first``).

Deterministic: it is made from merged panes in order of time, so every replay learns the same reference with the
same id. What the first predictions were like is taken as good: if the model starts broken, that is the reference.
Panes hold no rows, so a learned reference cannot say how features go together.

Names of categories are chosen in some panes and counted in the others (why: ``name_choice.py``). So a reference needs
two panes at least; numbers are counted in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tiltmeter.core.panes.feature_counts import NONFINITE, OK, FeatureCounts
from tiltmeter.core.panes.kept_names import MOST_FEATURES, MOST_TEXTS, only_kept
from tiltmeter.core.panes.log_linear import bounds, quantile_edges
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import MINUTE
from tiltmeter.core.reference.profile import (
    OUTPUT,
    NumericFeature,
    Profile,
    ReferenceProfile,
)
from tiltmeter.core.reference_building.name_choice import counted, most_frequent

#: A learned reference takes effect so many panes, and at least so long, after the last pane it was learned from:
#: every join worker must know it before the first pane that uses it begins.
LEAD_PANES, LEAD_MS = 6, MINUTE


class Half:
    """What the panes of one half have counted; additive."""

    def __init__(self) -> None:
        self.seen = 0
        self.features: dict[str, FeatureCounts] = {}
        self.output = FeatureCounts()

    def add(self, seen: int, features: Mapping[str, FeatureCounts], output: FeatureCounts) -> None:
        self.seen += seen
        for name, counts in features.items():
            if name != OUTPUT:
                self.features.setdefault(name, FeatureCounts()).add(counts)
        self.output.add(output)
        self._keep_within_bounds()

    def _keep_within_bounds(self) -> None:
        """Panes that each keep to the bounds on names from the stream may not together."""
        self.features = only_kept(self.features, MOST_FEATURES)
        for counts in (*self.features.values(), self.output):
            if counts.categories is not None:
                counts.categories = only_kept(counts.categories, MOST_TEXTS)

    def snapshot(self) -> dict[str, Any]:
        return {
            "seen": self.seen,
            "features": {name: counts.to_wire() for name, counts in self.features.items()},
            "output": self.output.to_wire(),
        }

    def restore(self, wire: dict[str, Any]) -> None:
        self.seen = wire["seen"]
        self.features = {name: FeatureCounts.from_wire(counts) for name, counts in wire["features"].items()}
        self.output = FeatureCounts.from_wire(wire["output"])


class Learner:
    """Collects closed panes without a reference until they hold ``needed`` successful predictions, and those of them
    that are counted a quarter of it.

    A pane goes to the half that has seen less so far, the first one to the names: equal panes alternate, and how
    large earlier panes were says nothing of the values in this one. After a burst in the first pane, which alone may
    be all that is needed, the reference waits for panes to count.
    """

    def __init__(self, needed: int) -> None:
        self.needed = needed
        self._choosing, self._counting = Half(), Half()

    @property
    def seen(self) -> int:
        """Successful predictions so far."""
        return self._choosing.seen + self._counting.seen

    def on_pane(self, pane: PredictionPane) -> ReferenceProfile | None:
        """The reference, once, with the pane that completes it."""
        half = self._counting if self._counting.seen < self._choosing.seen else self._choosing
        half.add(pane.events - pane.errors, pane.features, pane.output)
        if self.seen < self.needed or 4 * self._counting.seen < max(self.needed, 1):
            return None
        every = Half()
        for part in (self._choosing, self._counting):
            every.add(part.seen, part.features, part.output)
        if not every.features:
            return None
        width = pane.key.width_ms
        lead = max(LEAD_PANES * width, LEAD_MS)
        return ReferenceProfile(
            model=pane.key.model,
            version=pane.key.version,
            segment=pane.key.segment,
            effective_from_ms=-(-(pane.key.end_ms + lead) // width) * width,
            rows=self.seen,
            features={name: self._feature(name, counts) for name, counts in sorted(every.features.items())},
            prediction=self._profile(every.output, self._choosing.output, self._counting.output)
            if every.output.cells[OK]
            else None,
        )

    def _feature(self, name: str, every: FeatureCounts) -> Profile:
        none = FeatureCounts()
        return self._profile(
            every, self._choosing.features.get(name, none), self._counting.features.get(name, none)
        )

    def _profile(self, every: FeatureCounts, choosing: FeatureCounts, counting: FeatureCounts) -> Profile:
        """Numbers if most of the cells were numbers, categories otherwise; the rest will count as wrong types."""
        numbers = every.log_bins or {}
        n, m = sum(numbers.values()), _texts(every)
        if n < m:
            # What all panes together keep, each of them has kept and counted in full.
            kept = (every.categories or {}).keys()
            names = most_frequent({k: c for k, c in (choosing.categories or {}).items() if k in kept})
            return counted(names, counting.categories or {}, _texts(counting), self._counting.seen)
        edges, binned = quantile_edges(numbers) if n else quantile_edges({0: 0})
        return NumericFeature(
            edges,
            binned,
            missing=self.seen - n - m - int(every.cells[NONFINITE]),
            nonfinite=int(every.cells[NONFINITE]),
            minimum=bounds(min(numbers))[0] if n else float("inf"),
            maximum=bounds(max(numbers))[1] if n else float("-inf"),
        )

    def snapshot(self) -> dict[str, Any]:
        return {**self._choosing.snapshot(), "counting": self._counting.snapshot()}

    def restore(self, wire: dict[str, Any]) -> None:
        self._choosing.restore(wire)
        self._counting.restore(wire["counting"])


def _texts(counts: FeatureCounts) -> int:
    """Cells with a text: usable and no number. So those count, too, whose text is beyond the bound on names."""
    named, numbers = sum((counts.categories or {}).values()), sum((counts.log_bins or {}).values())
    return max(int(counts.cells[OK]) - numbers, named)
