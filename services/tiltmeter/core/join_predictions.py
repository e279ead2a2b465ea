"""What a micro-batch of predictions decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.join_decision import PREDICTIONS, Decision
from tiltmeter.core.join_draft import Draft
from tiltmeter.core.join_rows import FEEDBACK, FORM, PREDICTION, split_rows
from tiltmeter.core.join_state import counter
from tiltmeter.core.panes.fill_predictions import fill_pane
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.pending_store import Bucket
from tiltmeter.core.rows_by import rows_by
from tiltmeter.events.columns import Int64, PredictionColumns

Mask = NDArray[np.bool_]


def decide_predictions(draft: Draft, columns: PredictionColumns) -> Decision:
    """Watermark, duplicates, panes, and the feedback that came first. Mutates nothing but the draft."""
    if not len(columns):
        return draft.finish(None)
    natural, seen = draft.watermarks(PREDICTIONS, columns.event_ms)
    buckets = seen // draft.policy.bucket_ms
    group = np.array([draft.group(g.model, g.version) for g in columns.groups], dtype=np.int64)[columns.group]
    fresh = _fresh(draft, columns, buckets)
    _fill_panes(draft, columns, fresh, seen, seen != natural)

    rows = np.zeros(len(columns), dtype=PREDICTION)
    rows["form"], rows["kind"], rows["ok"] = FORM, columns.kind, columns.ok
    rows["group"], rows["weight"] = group, columns.weight
    rows["at"], rows["seen"], rows["natural"] = columns.at_ms, seen, natural
    rows["digest"], rows["label"] = columns.digest, columns.label
    rows["value"], rows["score"] = columns.value, columns.score
    accepted = np.flatnonzero(fresh)
    labelled = _meet_waiting_feedback(draft, columns, rows, buckets, accepted)
    for (number,), members in rows_by(buckets[accepted]):
        chosen = accepted[members]
        values = split_rows(rows[chosen])
        unlabelled = np.ones(chosen.size, dtype=bool)
        for place, i in enumerate(chosen.tolist() if labelled else ()):
            if i in labelled:
                values[place] += labelled[i]
                unlabelled[place] = False
        draft.put(("p", number), [columns.keys[i] for i in chosen.tolist()], values)
        draft.wait(("p", number), group[chosen[unlabelled]], +1)
    return draft.finish(int(natural[-1]))


def _fresh(draft: Draft, columns: PredictionColumns, buckets: Int64) -> Mask:
    """Which rows are not a repetition. A repetition is an id whose row stands in the same time bucket or the
    one before, so ids are recognised for at least ``join.dedup`` and at most two buckets."""
    fresh = np.ones(len(columns), dtype=bool)
    stored: dict[int, tuple[int, Any]] = {}  # row → (bucket, digest) of the stored row it may repeat
    for number in np.unique(np.concatenate([buckets, buckets - 1])).tolist():
        for bucket in draft.near("p", number, 0):
            near = np.flatnonzero((buckets == number) | (buckets == number + 1)).tolist()
            found = draft.store.get_many(bucket, [columns.keys[i] for i in near])
            for i, value in zip(near, found, strict=True):
                if value is not None:
                    stored[i] = (number, np.frombuffer(value, dtype=PREDICTION, count=1)["digest"][0])
    repeated = len(set(columns.keys)) != len(columns)
    if not stored and not repeated:
        return fresh
    latest: dict[bytes, tuple[int, Any]] = {}
    for i in range(len(columns)) if repeated else sorted(stored):
        key, here = columns.keys[i], int(buckets[i])
        known = latest.get(key, stored.get(i))
        if known is not None and here - known[0] <= 1:
            fresh[i] = False
            same = bool(known[1] == columns.digest[i])
            of = columns.groups[columns.group[i]]
            draft.count_duplicates(of.model, of.version, same=int(same), different=int(not same))
        else:
            latest[key] = (here, columns.digest[i])
    return fresh


def _fill_panes(draft: Draft, columns: PredictionColumns, fresh: Mask, seen: Int64, lifted: Mask) -> None:
    for group in columns.groups:
        width = draft.policy.model(group.model).pane_ms
        start = columns.at_ms[group.rows] // width * width
        is_fresh = fresh[group.rows]
        late = is_fresh & (seen[group.rows] >= start + width + draft.policy.delay_ms)
        n_late = int(np.count_nonzero(late))
        if n_late:
            draft.count(counter("late", PREDICTIONS, group.model, group.version), n_late)
        taken = np.flatnonzero(is_fresh & ~late)
        for (start_ms,), members in rows_by(start[taken]):
            key = PaneKey(start_ms, width, group.model, group.version, "")
            pane = fill_pane(key, columns, group, taken[members], draft.reference(key))
            pane.lifted = bool(lifted[group.rows[taken[members]]].any())
            draft.decision.panes.append(pane)


def _meet_waiting_feedback(
    draft: Draft, columns: PredictionColumns, rows: NDArray[Any], buckets: Int64, accepted: Int64
) -> dict[int, bytes]:
    """Label the rows whose feedback came first; returns their TRUTH bytes by row."""
    found: dict[int, list[NDArray[Any]]] = {}
    taken: set[tuple[Bucket, bytes]] = set()
    for (number,), members in rows_by(buckets[accepted]):
        chosen = accepted[members].tolist()
        for bucket in draft.near("f", number, draft.policy.reach):
            values = draft.store.get_many(bucket, [columns.keys[i] for i in chosen])
            for i, value in zip(chosen, values, strict=True):
                if value is None or (bucket, columns.keys[i]) in taken:
                    continue
                taken.add((bucket, columns.keys[i]))
                waiting = np.frombuffer(value, dtype=FEEDBACK)
                found.setdefault(i, []).append(waiting)
                draft.delete(bucket, columns.keys[i])
                draft.wait(bucket, np.zeros(waiting.size, dtype=np.int64), -1)
    if not found:
        return {}
    at = sorted(found)
    feedback = [np.concatenate(found[i]) for i in at]
    truths = draft.labelling.first_label(rows[at], np.concatenate([f[:1] for f in feedback]))
    labelled: dict[int, bytes] = {}
    for place, i in enumerate(at):
        truth = truths[place : place + 1]
        for further in range(1, feedback[place].size):
            one = feedback[place][further : further + 1]
            truth = draft.labelling.next_label(rows[i : i + 1], truth, one)
        labelled[i] = truth.tobytes()
    return labelled
