"""The join of two logs, row by row.

predictions ──▶ accepted ──┐
                duplicates │   each feedback goes to the first accepted prediction of its id
                late       ├──▶ whose time bucket is near its own
feedback ──────────────────┘
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from oracle import label_panes, prediction_panes
from oracle.events import Row, read

Log = Iterable[tuple[int, int, bytes | None]]
NEVER = -(1 << 62)
#: (kind, start, model, version)
Name = tuple[str, int, str, str]


@dataclass
class Joined:
    """``panes`` holds all panes, closed or not; ``closed`` names the closed ones. ``waiting`` counts rows that
    still wait for their other half: ("p", bucket, model, version) or ("f", bucket)."""

    panes: dict[Name, dict[str, Any]] = field(default_factory=dict)
    closed: set[Name] = field(default_factory=set)
    counters: Counter[tuple[str, ...]] = field(default_factory=Counter)
    waiting: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    watermarks: dict[str, int] = field(default_factory=dict)


def join(predictions: Log, feedback: Log, policy: Any, references: Any) -> Joined:
    """``policy``: a JoinPolicy; ``references``: a ReferenceBook that does not change meanwhile."""
    joined = Joined()
    questions = _usable(joined, "predictions", predictions, policy)
    answers = _usable(joined, "feedback", feedback, policy)
    accepted: dict[str, list[Row]] = {}
    for row in questions:
        _accept(joined, row, accepted.setdefault(row["id"], []), policy, references)
    for answer in answers:
        near = [
            row for row in accepted.get(answer["id"], ())
            if abs(row["bucket"] - answer["bucket"]) <= policy.reach
        ]  # fmt: skip
        if near:
            _label(joined, near[0], answer, policy, references)
        else:
            _count_unmatched(joined, answer, policy)
    for row in (row for rows in accepted.values() for row in rows if "truth" not in row):
        _count_unlabelled(joined, row, policy)
    _close(joined, policy)
    return joined


def _usable(joined: Joined, side: str, log: Log, policy: Any) -> list[Row]:
    """The usable rows with the watermark at each: the latest event time so far, itself included."""
    watermark, rows = NEVER, []
    for offset, timestamp, value in log:
        row = read(side, offset, timestamp, value)
        if isinstance(row, str):
            joined.counters[("rejected", side, row)] += 1
            continue
        watermark = max(watermark, row["event"])
        row["seen"], row["bucket"] = watermark, watermark // policy.bucket_ms
        rows.append(row)
    joined.watermarks[side] = watermark
    return rows


def _accept(joined: Joined, row: Row, known: list[Row], policy: Any, references: Any) -> None:
    names = (row["model"], row["version"])
    if known and row["bucket"] - known[-1]["bucket"] <= 1:
        same = known[-1]["raw"] == row["raw"]
        joined.counters[("duplicate_predictions" if same else "conflicting_predictions", *names)] += 1
        return
    known.append(row)
    width, share = policy.model(row["model"]).pane_ms, policy.model(row["model"]).mmd_share
    start = row["at"] // width * width
    if row["seen"] >= start + width + policy.delay_ms:
        joined.counters[("late", "predictions", *names)] += 1
        return
    reference = references.at(*names, start)
    name = ("prediction", start, *names)
    if name not in joined.panes:
        joined.panes[name] = prediction_panes.empty(reference)
    prediction_panes.add(joined.panes[name], row, reference, _task(policy, references, names), share)


def _task(policy: Any, references: Any, names: tuple[str, str]) -> str:
    first, task = references.first(*names), policy.model(names[0]).task
    return first.performance.task if task == "auto" and first and first.performance else task


def _task_of(row: Row, policy: Any, references: Any) -> str:
    task = _task(policy, references, (row["model"], row["version"]))
    return (
        ("regression" if isinstance(row["outcome"], float) else "classification") if task == "auto" else task
    )


def _label(joined: Joined, row: Row, answer: Row, policy: Any, references: Any) -> None:
    names = (row["model"], row["version"])
    model, width = policy.model(row["model"]), policy.model(row["model"]).pane_ms
    first = references.first(*names)
    measured = first.performance if first else None
    known = max(row["at"], answer["event"], row["seen"], answer["seen"])
    name = ("label", known // width * width, *names)
    pane = joined.panes.setdefault(name, {"feedback": Counter(), "cells": {}, "corrections": {}})
    outcome = label_panes.outcome(row, answer, model, measured)
    if "truth" not in row:
        row["truth"], row["known"], row["counted"] = answer, known, name[1]
        pane["feedback"]["matched"] += 1
        into = pane["cells"].setdefault(label_panes.cell(row["at"], known), label_panes.empty())
        label_panes.add(into, outcome)
        if row["outcome"] is not None and row["ok"] and _task_of(row, policy, references) == "classification":
            label_panes.add_weighted(pane, answer["propensity"], row["class"] == answer["class"])
        return
    truth = row["truth"]
    both = (truth["number"], answer["number"])
    equal = truth["class"] == answer["class"] and (both[0] == both[1] or all(map(math.isnan, both)))
    if equal or 0 <= answer["revision"] <= truth["revision"]:
        pane["feedback"]["duplicate"] += 1
    elif known - row["known"] > policy.corrections_ms:
        pane["feedback"]["late_correction"] += 1
    else:
        pane["feedback"]["corrected"] += 1
        change = pane["corrections"].setdefault(row["counted"], label_panes.empty())
        label_panes.add(change, outcome)
        label_panes.add(change, label_panes.outcome(row, truth, model, measured), -1)
        row["truth"] = answer


def _count_unmatched(joined: Joined, answer: Row, policy: Any) -> None:
    """Orphaned once no prediction can come near any more."""
    gone = joined.watermarks["predictions"] // policy.bucket_ms > answer["bucket"] + policy.reach
    if gone:
        joined.counters[("orphaned",)] += 1
    else:
        joined.waiting[("f", answer["bucket"])] += 1


def _count_unlabelled(joined: Joined, row: Row, policy: Any) -> None:
    """Expired once no feedback can come near any more, nor a repetition."""
    width, bucket, marks = policy.bucket_ms, row["bucket"], joined.watermarks
    out_of_reach = marks["feedback"] // width > bucket + policy.reach
    if out_of_reach and marks["predictions"] // width > bucket + 1:
        joined.counters[("expired", row["model"], row["version"])] += 1
    else:
        joined.waiting[("p", bucket, row["model"], row["version"])] += 1


def _close(joined: Joined, policy: Any) -> None:
    marks = {"prediction": joined.watermarks["predictions"], "label": min(joined.watermarks.values())}
    for kind, start, model, version in joined.panes:
        if start + policy.model(model).pane_ms + policy.delay_ms <= marks[kind]:
            joined.closed.add((kind, start, model, version))
