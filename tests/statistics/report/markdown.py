"""Tables as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def delay(panes: Sequence[float | None], runs: int) -> str:
    """Median / 95th percentile of the delays; a run without an alarm (None) counts as later than any."""
    found = sorted(p for p in panes if p is not None)
    if not found:
        return "never"
    padded = found + [np.inf] * (runs - len(found))
    median, late = (float(np.quantile(padded, q, method="higher")) for q in (0.5, 0.95))
    shown = " / ".join("not" if np.isinf(x) else f"{x:,.0f}" for x in (median, late))
    return f"{shown} ({len(found)} of {runs})" if len(found) < runs else shown


def percent(share: float) -> str:
    return f"{100 * share:.3g} %"
