"""All counts of a pane's features in one matrix, so that a window adds or takes out a pane in one operation.

             cells by state      histogram, padded to the longest
income      │ ok missing …       │ 12  9 30 …  0  0
country     │ ok missing …       │  0  0  0 …  0  0     categories have no histogram
the answers │ ok missing …       │ 40 18  0 …  0  0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tiltmeter.core.panes.feature_counts import STATES, FeatureCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.events.columns import Int64

_STATES = len(STATES)


class BlockLayout:
    """Of one reference: a row per feature in the order of ``bins``, and the last one for the answers. ``bins``: how
    many bins a numeric feature has; None: none."""

    def __init__(self, bins: Mapping[str, int | None], output: int | None) -> None:
        self.names = list(bins)
        self.sizes = [*bins.values(), output]
        self._width = _STATES + max(size or 0 for size in self.sizes)

    def empty(self, key: PaneKey, reference_id: str) -> BlockPane:
        block = np.zeros((len(self.sizes), self._width), dtype=np.int64)
        *features, output = (
            FeatureCounts(row[:_STATES], None if size is None else row[_STATES : _STATES + size])
            for row, size in zip(block, self.sizes, strict=True)
        )
        named = dict(zip(self.names, features, strict=True))
        return BlockPane(key, reference_id, features=named, output=output, layout=self, block=block)

    def packed(self, pane: PredictionPane) -> BlockPane:
        """The same pane."""
        whole = self.empty(pane.key, pane.reference_id)
        whole.add(pane)
        return whole

    def block_of(self, pane: PredictionPane) -> Int64:
        """int64[features + 1, width]: what a pane of the reference has counted."""
        if isinstance(pane, BlockPane) and pane.layout is self:
            return pane.block
        block = np.zeros((len(self.sizes), self._width), dtype=np.int64)
        for row, counts in zip(block, (*map(pane.features.get, self.names), pane.output), strict=True):
            if counts is not None:
                row[:_STATES] = counts.cells
                if counts.bins is not None:
                    row[_STATES : _STATES + counts.bins.size] = counts.bins
        return block

    @staticmethod
    def histograms(block: Int64) -> Int64:
        """int64[features + 1, longest histogram] of a block."""
        return block[:, _STATES:]


_NO_LAYOUT = BlockLayout({}, None)


@dataclass(slots=True)
class BlockPane(PredictionPane):
    """Cells and bins of its features are parts of ``block``. Features that the layout does not know are left out: a
    pane with a reference has exactly its features."""

    layout: BlockLayout = _NO_LAYOUT
    block: Int64 = None  # type: ignore[assignment]  # always given, but fields before it have defaults

    def _add_features(self, other: PredictionPane, sign: int) -> None:
        if sign == 1:
            self.block += self.layout.block_of(other)
        else:
            self.block -= self.layout.block_of(other)
        for name, size in zip(self.layout.names, self.layout.sizes, strict=False):
            if size is None and name in other.features:
                self.features[name].add_categories(other.features[name], sign)
        self.output.add_categories(other.output, sign)
