"""What one prediction adds to the joint counts of its pane."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any


def empty(joint: Any) -> dict[str, Any]:
    d = len(joint.features)
    return {"rows": 0, "outliers": 0, "sums": [0] * d, "products": [0] * (d * (d + 1) // 2)}


def add(counts: dict[str, Any], row: dict[str, Any], reference: Any) -> None:
    """A row that lacks a number in one of the features counts nowhere here."""
    joint, scores = reference.joint, scores_of(row, reference)
    if scores is None:
        return
    values = [row["features"][name] for name in joint.features]
    far = sum(
        round(min(_square((float(value) - centre) * (1.0 / scale)), 2.0**20) * 256)
        for value, centre, scale in zip(values, joint.centres.tolist(), joint.scales.tolist(), strict=True)
    )
    counts["rows"] += 1
    counts["outliers"] += far > joint.threshold
    counts["sums"] = [old + score for old, score in zip(counts["sums"], scores, strict=True)]
    products = [scores[j] * scores[k] for j in range(len(scores)) for k in range(j, len(scores))]
    counts["products"] = [old + product for old, product in zip(counts["products"], products, strict=True)]


def scores_of(row: dict[str, Any], reference: Any) -> list[int] | None:
    """None for a row that is not complete."""
    joint = reference.joint
    values = [row["features"].get(name) for name in joint.features]
    if not all(type(value) in (int, float) and math.isfinite(value) for value in values):
        return None
    return [
        int(table[bisect_left(reference.features[name].edges.tolist(), value)])
        for name, value, table in zip(joint.features, values, joint.scores, strict=True)
    ]


def _square(x: float) -> float:
    return x * x
