"""How much the evidence of one pane may count.

L^w is an e-value for every 0 < w ≤ 1 (Jensen), so tempering cannot break a guarantee; choosing w to absorb
over-dispersion is a heuristic. The pane's size must not depend on its outcomes.
"""

from __future__ import annotations

#: Small panes are pooled until they hold this many values: e-values of single labels would make every pane
#: count as a step of the detector.
POOL_VALUES = 50
#: Beyond so many values in a pane significance means nothing, and the reaction is one pane anyway.
CAP_VALUES = 2_000


def tempering(n: int, phi: float, cap: int = CAP_VALUES) -> float:
    """min(1 / phi, cap / n), at most 1. ``phi`` ≥ 1 is the over-dispersion of pane counts against
    independence."""
    if not phi >= 1.0:
        raise ValueError(f"over-dispersion is at least 1, not {phi}")
    return min(1.0 / phi, cap / n, 1.0)
