"""From what the joiner says to the form in which the oracle says it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from oracle.join import Joined, Name
from oracle.label_panes import SUMS
from oracle.packed_counts import unpacked
from tiltmeter.core.join.joiner import Joiner

_HEAD = ("kind", "model", "version", "segment", "start", "width", "lifted")


def pane_name(wire: dict[str, Any]) -> Name:
    return wire["kind"], wire["start"], wire["model"], wire["version"]


def plain_pane(wire: dict[str, Any]) -> dict[str, Any]:
    """A pane's content in the oracle's form."""
    content = {name: value for name, value in wire.items() if name not in _HEAD}
    if wire["kind"] == "prediction":
        content["features"] = {name: _dense(counts) for name, counts in wire["features"].items()}
        content["output"] = _dense(wire["output"])
        if "packed" in content.get("joint", {}):
            content["joint"] = _joint(**content["joint"])
        if "scores" in content.get("answers", {}):
            scores = {place: counts for place, *counts in content["answers"]["scores"]}
            content["answers"] = {**content["answers"], "scores": scores}
        return content
    return {
        "feedback": {name: n for name, n in content["feedback"].items() if n},
        "cells": {(cell["cohort"], cell["age"]): _outcomes(cell) for cell in content["cells"]},
        "corrections": {item["pane"]: _outcomes(item) for item in content["corrections"]},
        **({"weighted": content["weighted"]} if "weighted" in content else {}),
    }


def plain_oracle(joined: Joined) -> dict[Name, dict[str, Any]]:
    """The oracle's panes without zeros, but for pairs of classes that corrections touched."""
    panes = {}
    for name, pane in joined.panes.items():
        panes[name] = pane
        if name[0] == "label":
            panes[name] = {
                "feedback": dict(pane["feedback"]),
                "cells": {cell: _no_zeros(outcomes) for cell, outcomes in pane["cells"].items()},
                "corrections": {start: _no_zeros(change) for start, change in pane["corrections"].items()},
                **({"weighted": pane["weighted"]} if "weighted" in pane else {}),
            }
    return panes


def counters_of(joiner: Joiner) -> Counter[tuple[str, ...]]:
    """Without the counts of unusable optional fields, which the oracle does not read."""
    named = {tuple(name.split("\x1f")): n for name, n in joiner.state.counters.items()}
    return Counter({name: n for name, n in named.items() if name[0] != "imperfect"})


def waiting_of(joiner: Joiner) -> Counter[tuple[Any, ...]]:
    waiting: Counter[tuple[Any, ...]] = Counter()
    for (family, bucket), by_group in joiner.state.waiting.items():
        for group, n in by_group.items():
            if n:
                waiting[(family, bucket, *(joiner.state.groups[group] if family == "p" else ()))] += n
    return waiting


def _dense(counts: dict[str, Any]) -> dict[str, Any]:
    dense = {name: value for name, value in counts.items() if name not in ("sparse", "packed")}
    if "packed" in counts:
        dense["bins"] = unpacked(counts["packed"])
    elif "sparse" in counts:
        size, *pairs = counts["sparse"]
        dense["bins"] = [0] * size
        for at, n in zip(pairs[::2], pairs[1::2], strict=True):
            dense["bins"][at] = n
    return dense


def _joint(rows: int, outliers: int, packed: str) -> dict[str, Any]:
    both = unpacked(packed)
    features = next(d for d in range(len(both)) if d * (d + 3) == 2 * len(both))
    return {"rows": rows, "outliers": outliers, "sums": both[:features], "products": both[features:]}


def _outcomes(wire: dict[str, Any]) -> dict[str, Any]:
    confusion = {(predicted, actual): n for predicted, actual, n in wire["confusion"]}
    amounts = list(map(int, wire["sums"]))
    sums = dict(zip(SUMS, amounts + [0] * (len(SUMS) - len(amounts)), strict=True))
    scores = wire.get("scores", {"negatives": [], "positives": [], "reliability": []})
    named = [(name, _rows(scores[name], 2)) for name in ("negatives", "positives")]
    for i, name in enumerate(("labels", "predicted", "true"), 1):
        named.append((name, [(row[0], row[i]) for row in _rows(scores["reliability"], 4)]))
    named += [(name, wire.get(name, [])) for name in ("residuals", "targets")]
    counts = {(name, place): n for name, rows in named for place, n in rows if n}
    return {"n": wire["n"], "weight": wire["weight"], "confusion": confusion, "sums": sums, "counts": counts}


def _rows(flat: list[int], width: int) -> list[Any]:
    return [flat[i : i + width] for i in range(0, len(flat), width)]


def _no_zeros(outcomes: dict[str, Any]) -> dict[str, Any]:
    return {**outcomes, "counts": {place: n for place, n in outcomes["counts"].items() if n}}
