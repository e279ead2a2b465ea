"""What one prediction adds to the mean embedding of its pane."""

from __future__ import annotations

import math
from typing import Any

import xxhash

from oracle.joint_counts import scores_of

TURN = ONE = 1 << 14


def add(pane: dict[str, Any], row: dict[str, Any], reference: Any, share: float) -> None:
    """Without a row in the sample a pane has no embedding."""
    scores = scores_of(row, reference)
    first = xxhash.xxh3_128_digest(row["id"].encode())[:4]
    if scores is None or int.from_bytes(first, "little") >= share * 2**32:
        return
    phases = [
        sum(int(w) * score for w, score in zip(frequency, scores, strict=True))
        for frequency in reference.joint.embedding.frequencies.tolist()
    ]
    waves = [round(f(math.tau * (p % TURN) / TURN) * ONE) for f in (math.cos, math.sin) for p in phases]
    counts = pane.setdefault("embedding", {"rows": 0, "sums": [0] * len(waves)})
    counts["rows"] += 1
    counts["sums"] = [old + wave for old, wave in zip(counts["sums"], waves, strict=True)]
