"""The rows of a window of panes, by the definition in the documentation and nothing else."""

from __future__ import annotations

import pandas as pd

SLOTS = 60


def pane_starts(ms: pd.Series, pane_ms: int) -> pd.Series:
    return ms // pane_ms * pane_ms


def in_window(starts: pd.Series, panes: int, pane_ms: int) -> pd.Series:
    """Whether a pane that starts then belongs to the window of the newest one. A window of more than 60 panes
    keeps slots of several panes and slides by a slot."""
    per_slot = -(-panes // SLOTS)
    slots = starts // (per_slot * pane_ms)
    inside: pd.Series = slots > slots.max() - -(-panes // per_slot)
    return inside
