"""All counts of a prediction pane in JSON and back. They are packed in one go, which costs a tenth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram_wire import (
    FEW,
    histograms_from_wire,
    histograms_to_wire,
    unpacked_to_wire,
)
from tiltmeter.core.panes.joint_counts import JointCounts

Wire = dict[str, Any]


def counts_to_wire(
    several: Iterable[FeatureCounts], joint: JointCounts | None
) -> tuple[list[Wire], Wire | None]:
    """What ``to_wire`` of each gives."""
    begun = [counts.begin_wire() for counts in several]
    left = [(wire, bins) for wire, bins in begun if bins is not None]
    spell = [bins for _, bins in left]
    if joint is not None and joint.rows > FEW:
        spell.append(joint.both)
    spelled = histograms_to_wire(spell)
    for (wire, _), bins in zip(left, spelled, strict=False):  # the joint counts come last
        wire.update(bins)
    wires = [wire for wire, _ in begun]
    if joint is None:
        return wires, None
    return wires, joint.as_spelled(spelled[-1] if joint.rows > FEW else {})


def counts_to_wire_unpacked(
    several: Iterable[FeatureCounts], joint: JointCounts | None
) -> tuple[list[Wire], Wire | None]:
    """The same counts, not packed."""
    begun = [counts.begin_wire() for counts in several]
    wires = [wire if bins is None else wire | unpacked_to_wire(bins) for wire, bins in begun]
    return wires, None if joint is None else joint.listed()


def counts_from_wire(
    wires: Sequence[Wire], joint: Wire | None
) -> tuple[list[FeatureCounts], JointCounts | None]:
    """Inverse of :func:`counts_to_wire`."""
    *histograms, sums = histograms_from_wire([*wires, {} if joint is None else joint])
    counts = [FeatureCounts.with_bins(wire, bins) for wire, bins in zip(wires, histograms, strict=True)]
    return counts, None if joint is None else JointCounts.with_sums(joint, sums)
