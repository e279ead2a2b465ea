"""What a micro-batch of predictions decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.counting.fill_answers import count_answers
from tiltmeter.core.counting.fill_embedding import KeySample
from tiltmeter.core.counting.fill_few import JointRowsOfPane, count_jointly, fill_few
from tiltmeter.core.counting.fill_predictions import fill_pane
from tiltmeter.core.counting.plain_rows import PlainRows
from tiltmeter.core.join.decision import PREDICTIONS, Decision, JoinGroup
from tiltmeter.core.join.draft import Draft
from tiltmeter.core.join.parts import Parts
from tiltmeter.core.join.rows import FEEDBACK, FORM, PREDICTION, TRUTH, parse_rows, split_rows
from tiltmeter.core.join.rows_by import rows_by
from tiltmeter.core.join.segmentation import Dimension, combinations, dimensions
from tiltmeter.core.join.state import counter
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.events.columns import Int64, PredictionColumns

Mask = NDArray[np.bool_]


def decide_predictions(draft: Draft, columns: PredictionColumns) -> Decision:
    """Watermark, duplicates, panes, and the feedback that came first. Mutates nothing but the draft."""
    if not len(columns):
        return draft.finish(None)
    natural, seen = draft.watermarks(PREDICTIONS, columns.event_ms)
    buckets = seen // draft.policy.bucket_ms
    segments = [dimensions(group, draft.policy.model(group.model).segments) for group in columns.groups]
    group = _group_numbers(draft, columns, segments)
    fresh = _fresh(draft, columns, buckets, group)
    _fill_panes(draft, columns, group, segments, fresh, seen, seen != natural)

    rows = np.zeros(len(columns), dtype=PREDICTION)
    rows["form"], rows["kind"], rows["ok"] = FORM, columns.kind, columns.ok
    rows["group"], rows["weight"] = group, columns.weight
    rows["at"], rows["seen"], rows["natural"] = columns.at_ms, seen, natural
    rows["digest"], rows["label"] = columns.digest, columns.label
    rows["value"], rows["score"] = columns.value, columns.score
    accepted = np.flatnonzero(fresh)
    truths = _meet_waiting_feedback(draft, columns, rows, buckets, accepted)
    unlabelled = np.ones(len(columns), dtype=bool)
    unlabelled[list(truths)] = False
    for (number,), members in rows_by(buckets[accepted]):
        chosen = accepted[members]
        values = split_rows(rows[chosen])
        if truths:
            values = [row + truths.get(i, b"") for i, row in zip(chosen.tolist(), values, strict=True)]
        draft.put(("p", number), [columns.keys[i] for i in chosen.tolist()], values)
        draft.wait(("p", number), group[chosen[unlabelled[chosen]]], +1)
    return draft.finish(int(natural[-1]))


def _group_numbers(draft: Draft, columns: PredictionColumns, segments: list[list[Dimension]]) -> Int64:
    """The partition's number of each row's version and segments; new ones are numbered in order of the log."""
    found: list[tuple[int, JoinGroup, Int64]] = []
    for group, own in zip(columns.groups, segments, strict=True):
        if not own:
            found.append((int(group.rows[0]), (group.model, group.version), group.rows))
            continue
        for names, members in combinations(own, group.rows.size):
            rows = group.rows[members]
            found.append((int(rows[0]), (group.model, group.version, *names), rows))
    numbers = np.empty(len(columns), dtype=np.int64)
    for _, names, rows in sorted(found, key=lambda item: item[0]):
        numbers[rows] = draft.group(names)
    return numbers


def _fresh(draft: Draft, columns: PredictionColumns, buckets: Int64, group: Int64) -> Mask:
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
            draft.count_duplicates(*draft.names(int(group[i])), same=int(same), different=int(not same))
            if not same:
                draft.conflicting.append(int(columns.offset[i]))
        else:
            latest[key] = (here, columns.digest[i])
    return fresh


def _fill_panes(
    draft: Draft,
    columns: PredictionColumns,
    numbers: Int64,
    segments: list[list[Dimension]],
    fresh: Mask,
    seen: Int64,
    lifted: Mask,
) -> None:
    """Every row counts in the pane of its version, and in one more for each configured segment name."""
    widths = np.array([draft.policy.model(group.model).pane_ms for group in columns.groups], dtype=np.int64)
    width = widths[columns.group]
    start = columns.at_ms // width * width
    late = fresh & (seen >= start + width + draft.policy.delay_ms)
    taken, plain, any_lifted = fresh & ~late, PlainRows(columns), bool(lifted.any())
    parts, sample = Parts(taken, start), KeySample(columns.keys)
    jointly: list[JointRowsOfPane] = []
    n_late = np.bincount(columns.group[late], minlength=len(columns.groups)).tolist()
    first = numbers[[group.rows[0] for group in columns.groups]].tolist()
    for i, (group, own) in enumerate(zip(columns.groups, segments, strict=True)):
        model, version = draft.names(first[i])
        policy, task = draft.policy.model(model), draft.labelling.task(first[i])
        sampled = sample.of(policy.mmd_share)
        if n_late[i]:
            draft.count(counter("late", PREDICTIONS, model, version), n_late[i])
        for segment, start_ms, chosen in parts.of(group.rows, own):
            key = PaneKey(start_ms, policy.pane_ms, model, version, segment)
            reference, learning, expected = draft.reference(key), policy.from_first > 0, policy.expectations
            if isinstance(chosen, list):
                pane = fill_few(
                    key,
                    columns,
                    plain,
                    group,
                    chosen,
                    reference,
                    learning,
                    expected,
                    jointly=jointly if policy.joint else None,
                    task=task,
                    sampled=sampled,
                )
            else:
                rows = group.rows[chosen]
                pane = fill_pane(
                    key,
                    columns,
                    group,
                    chosen,
                    reference,
                    learning,
                    expected,
                    policy.joint,
                    sampled=sampled,
                )
                pane.answers = count_answers(columns, rows[columns.ok[rows]], task)
            pane.lifted = any_lifted and bool(lifted[group.rows[chosen]].any())
            draft.decision.panes.append(pane)
    count_jointly(jointly)


def _meet_waiting_feedback(
    draft: Draft, columns: PredictionColumns, rows: NDArray[Any], buckets: Int64, accepted: Int64
) -> dict[int, bytes]:
    """Label the rows whose feedback came first; returns their TRUTH bytes by row."""
    came = _take_waiting(draft, columns.keys, buckets, accepted)
    if not came:
        return {}
    at = sorted(came)
    first = parse_rows([came[i][: FEEDBACK.itemsize] for i in at], FEEDBACK)
    truths = split_rows(draft.labelling.first_label(rows[at], first))
    labelled = dict(zip(at, truths, strict=True))
    for i in at:
        if len(came[i]) > FEEDBACK.itemsize:
            truth = np.frombuffer(labelled[i], dtype=TRUTH)
            for further in np.frombuffer(came[i], dtype=FEEDBACK)[1:, np.newaxis]:
                truth = draft.labelling.next_label(rows[i : i + 1], truth, further)
            labelled[i] = truth.tobytes()
    return labelled


def _take_waiting(draft: Draft, keys: list[bytes], buckets: Int64, accepted: Int64) -> dict[int, bytes]:
    """By row, all FEEDBACK rows that wait for it, the oldest bucket's first. They stop waiting."""
    came: dict[int, bytes] = {}
    for (number,), members in rows_by(buckets[accepted]):
        chosen = accepted[members].tolist()
        ids = [keys[i] for i in chosen]  # distinct: of one bucket no repetition is accepted
        for bucket in draft.near("f", number, draft.policy.reach):
            values = draft.store.get_many(bucket, ids)
            gone = set(draft.decision.deletes.get(bucket, ()))
            hits = [
                (i, key, value)
                for i, key, value in zip(chosen, ids, values, strict=True)
                if value is not None and key not in gone
            ]
            if hits:
                came.update((i, came.get(i, b"") + value) for i, _, value in hits)
                draft.delete(bucket, [key for _, key, _ in hits])
                waited = sum(len(value) for _, _, value in hits) // FEEDBACK.itemsize
                draft.wait(bucket, np.zeros(waited, dtype=np.int64), -1)
    return came
