"""What one prediction adds to its prediction pane."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any

from oracle import joint_counts, mean_embedding

LATENCY_LIMITS_MS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
OK, MISSING, TYPE_ERROR, NONFINITE, OUT_OF_RANGE, UNSEEN = range(6)
Pane = dict[str, Any]


def empty(reference: Any) -> Pane:
    counts: Pane = {
        "reference_id": reference.reference_id if reference else "",
        "events": 0,
        "weight": 0,
        "errors": 0,
        "unknown_features": 0,
        "features": {},
        "output": _no_counts(None),
        "scores": [0] * 10,
        "latencies": [0] * (len(LATENCY_LIMITS_MS) + 1),
        "latency_us": 0,
    }
    if reference:
        counts["features"] = {name: _no_counts(profile) for name, profile in reference.features.items()}
        counts["output"] = _no_counts(reference.prediction)
        if reference.joint:
            counts["joint"] = joint_counts.empty(reference.joint)
    return counts


def add(pane: Pane, row: dict[str, Any], reference: Any, task: str, mmd_share: float) -> None:
    """``task``: classification, regression, or auto: a fraction is a number, all else a class."""
    pane["events"] += 1
    pane["weight"] += row["weight"]
    if not row["ok"]:
        pane["errors"] += 1
        return
    if row["score"] is not None:
        pane["scores"][0 if row["score"] < 0 else 9 if row["score"] >= 1 else int(row["score"] * 10)] += 1
    if row["latency"] is not None and 0 <= row["latency"] <= 1e9:
        pane["latencies"][bisect_left(LATENCY_LIMITS_MS, round(row["latency"] * 1000) / 1000)] += 1
        pane["latency_us"] += round(row["latency"] * 1000)
    if task == "classification" or (task == "auto" and not isinstance(row["outcome"], float)):
        _answer(pane, row["class"], row["score"])
    if not reference:
        return
    if reference.joint:
        joint_counts.add(pane["joint"], row, reference)
        mean_embedding.add(pane, row, reference, mmd_share)
    cells = {name: (row["features"].get(name), name in row["nonfinite"]) for name in row["features"]}
    cells.update({name: (row["features"].get(name), True) for name in row["nonfinite"]})
    for name, (value, reported) in cells.items():
        if name in reference.features:
            _count(pane["features"][name], reference.features[name], value, reported)
        elif value is not None or reported:
            pane["unknown_features"] += 1
    if _is_numeric(reference.prediction):
        number = row["number"]
        _count(pane["output"], reference.prediction, "no number" if math.isnan(number) else number, False)
    elif reference.prediction:
        _count(pane["output"], reference.prediction, row["class"], False)


def _answer(pane: Pane, answer: str, score: float | None) -> None:
    answers = pane.setdefault("answers", {"classes": {}})
    answers["classes"][answer] = answers["classes"].get(answer, 0) + 1
    if answer in ("0", "1") and score is not None and 0 <= score <= 1:
        logit = math.log(score / (1 - score)) if 0 < score < 1 else math.copysign(math.inf, score - 0.5)
        place = math.ceil((max(-12.0, min(12.0, logit)) + 12) * 256 / 24) - 1
        counts = answers.setdefault("scores", {}).setdefault(max(place, 0), [0, 0, 0, 0])
        counts[2 * (answer == "1")] += 1
        counts[2 * (answer == "1") + 1] += round(score * 2**20)


def _is_numeric(profile: Any) -> bool:
    return hasattr(profile, "edges")


def _no_counts(profile: Any) -> Pane:
    counts: Pane = {"cells": [0] * 6}
    if _is_numeric(profile):
        counts["bins"] = [0] * (len(profile.edges) + 1)
    elif profile is not None:
        counts["categories"] = {}
    return counts


def _count(counts: Pane, profile: Any, value: Any, reported: bool) -> None:
    """``reported``: the producer says that the value was not finite; a value that is there wins."""
    cells = counts["cells"]
    if value is None:
        cells[NONFINITE] += reported  # a missing cell is what is left of the events: not counted
    elif isinstance(value, float) and not math.isfinite(value):
        cells[NONFINITE] += 1
    elif _is_numeric(profile) and type(value) in (int, float):
        cells[OK] += 1
        cells[OUT_OF_RANGE] += not profile.minimum <= value <= profile.maximum
        counts["bins"][bisect_left(profile.edges.tolist(), value)] += 1
    elif not _is_numeric(profile) and isinstance(value, str | bool):
        text = value if isinstance(value, str) else str(value).lower()
        known = text in profile.categories
        cells[OK] += 1
        cells[UNSEEN] += not known
        name = text if known else "(unseen)"
        counts["categories"][name] = counts["categories"].get(name, 0) + 1
    else:
        cells[TYPE_ERROR] += 1
