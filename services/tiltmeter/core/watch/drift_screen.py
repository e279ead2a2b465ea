"""Which distributions may be beyond a tolerance: one operation over all of them, so that only those cost more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tiltmeter.core.drift.ks import KsReferences
from tiltmeter.core.panes.pane_block import BlockLayout
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.reference.profile import OUTPUT, NumericFeature, ReferenceProfile
from tiltmeter.core.watch.distribution import Distribution


def layout_of(reference: ReferenceProfile) -> BlockLayout:
    """How panes of this reference are laid out."""
    *features, output = (
        profile.counts.size if isinstance(profile, NumericFeature) else None
        for profile in (*reference.features.values(), reference.prediction)
    )
    return BlockLayout(dict(zip(reference.features, features, strict=True)), output)


class DriftScreen:
    """By the bounds of :meth:`Distribution.drift`, to the bit. Categorical distributions always pass."""

    def __init__(self, watched: Mapping[str, Distribution], layout: BlockLayout) -> None:
        self._layout = layout
        self._others = {n for n, d in watched.items() if not isinstance(d.profile, NumericFeature)}
        rows = {name: i for i, name in enumerate(layout.names)} | {OUTPUT: len(layout.names)}
        numeric = [(n, d, p) for n, d in watched.items() if isinstance(p := d.profile, NumericFeature)]
        self._names = [name for name, _, _ in numeric]
        self._rows = np.array([rows[name] for name in self._names], dtype=np.int64)
        self._references = KsReferences([profile.counts for _, _, profile in numeric])
        self._of_one = np.array([d.margin_of_one for _, d, _ in numeric])
        self._margins = np.array([d.reference_margin for _, d, _ in numeric])

    def beyond(self, window: PredictionPane, phi: Mapping[str, float], tolerance: float) -> set[str]:
        """Names whose ``low`` exceeds ``tolerance``, and all categorical ones."""
        if not self._names:
            return set(self._others)
        histograms = self._layout.histograms(self._layout.block_of(window))[self._rows]
        lower, rows = self._references.lower(histograms)
        inflated = np.array([phi[name] for name in self._names])
        with np.errstate(divide="ignore"):
            low = lower - (np.sqrt(self._of_one * inflated / (2.0 * rows)) + self._margins)
        return self._others | {self._names[i] for i in (low > tolerance).nonzero()[0].tolist()}
