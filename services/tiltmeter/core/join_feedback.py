"""What a micro-batch of feedback decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.join_decision import FEEDBACK, Decision
from tiltmeter.core.join_draft import Draft
from tiltmeter.core.join_rows import FEEDBACK as FEEDBACK_ROW
from tiltmeter.core.join_rows import FORM, PREDICTION, TRUTH, parse_rows, split_rows
from tiltmeter.core.pending_store import Bucket
from tiltmeter.core.rows_by import rows_by
from tiltmeter.events.columns import FeedbackColumns, Int64

_NO_GROUP = np.zeros(1, dtype=np.int64)


def decide_feedback(draft: Draft, columns: FeedbackColumns) -> Decision:
    """Find each label's prediction: the oldest one of its id within reach. Mutates nothing but the draft.

    The first label of a prediction takes the columnar path. Further labels of one id, in the store or in the
    batch, go row by row in log order; what finds no prediction waits.
    """
    if not len(columns):
        return draft.finish(None)
    natural, seen = draft.watermarks(FEEDBACK, columns.event_ms)
    rows = np.zeros(len(columns), dtype=FEEDBACK_ROW)
    rows["form"], rows["kind"] = FORM, columns.kind
    rows["at"] = columns.event_ms
    rows["seen"], rows["natural"] = seen, natural
    rows["label"], rows["value"], rows["revision"] = columns.label, columns.value, columns.revision
    places = _find_predictions(draft, columns.keys, seen // draft.policy.bucket_ms)

    first: list[int] = []
    further: list[int] = []
    waiting: list[int] = []
    met: set[tuple[Bucket, bytes]] = set()
    for i, key in enumerate(columns.keys):
        place = places[i]
        if place is None:
            waiting.append(i)
        elif (place[0], key) in met or len(place[1]) > PREDICTION.itemsize:
            further.append(i)
        else:
            met.add((place[0], key))
            first.append(i)

    changed: dict[tuple[Bucket, bytes], bytes] = {}
    _label_first(draft, columns.keys, rows, places, first, changed)
    _label_further(draft, columns.keys, rows, places, further, changed)
    by_bucket: dict[Bucket, tuple[list[bytes], list[bytes]]] = {}
    for (bucket, key), value in changed.items():
        keys, values = by_bucket.setdefault(bucket, ([], []))
        keys.append(key)
        values.append(value)
    for bucket, (keys, values) in by_bucket.items():
        draft.put(bucket, keys, values)
    _wait(draft, columns.keys, rows, seen, np.array(waiting, dtype=np.int64))
    return draft.finish(int(natural[-1]))


Place = tuple[Bucket, bytes] | None


def _find_predictions(draft: Draft, keys: list[bytes], buckets: Int64) -> list[Place]:
    """Per row: the bucket and the bytes of its prediction, None where it has not come."""
    places: list[Place] = [None] * len(keys)
    for (number,), members in rows_by(buckets):
        missing = members.tolist()
        for bucket in draft.near("p", number, draft.policy.reach):
            values = draft.store.get_many(bucket, [keys[i] for i in missing])
            for i, value in zip(missing, values, strict=True):
                if value is not None:
                    places[i] = (bucket, value)
            missing = [i for i in missing if places[i] is None]
            if not missing:
                break
    return places


def _label_first(
    draft: Draft,
    keys: list[bytes],
    rows: NDArray[Any],
    places: list[Place],
    first: list[int],
    changed: dict[tuple[Bucket, bytes], bytes],
) -> None:
    if not first:
        return
    found = [place for i in first if (place := places[i]) is not None]
    predictions = parse_rows([value for _, value in found], PREDICTION)
    truths = split_rows(draft.labelling.first_label(predictions, rows[first]))
    groups: dict[Bucket, list[int]] = {}
    for i, (bucket, value), truth, group in zip(
        first, found, truths, predictions["group"].tolist(), strict=True
    ):
        changed[(bucket, keys[i])] = value + truth
        groups.setdefault(bucket, []).append(group)
    for bucket, members in groups.items():
        draft.wait(bucket, np.array(members, dtype=np.int64), -1)


def _label_further(
    draft: Draft,
    keys: list[bytes],
    rows: NDArray[Any],
    places: list[Place],
    further: list[int],
    changed: dict[tuple[Bucket, bytes], bytes],
) -> None:
    for i in further:
        place = places[i]
        assert place is not None
        value = changed.get((place[0], keys[i]), place[1])
        prediction = np.frombuffer(value, dtype=PREDICTION, count=1)
        truth = np.frombuffer(value, dtype=TRUTH, count=1, offset=PREDICTION.itemsize)
        kept = draft.labelling.next_label(prediction, truth, rows[i : i + 1])
        changed[(place[0], keys[i])] = value[: PREDICTION.itemsize] + kept.tobytes()


def _wait(draft: Draft, keys: list[bytes], rows: NDArray[Any], seen: Int64, waiting: Int64) -> None:
    """Keep feedback whose prediction has not come, behind what already waits for the same id."""
    for (number,), members in rows_by(seen[waiting] // draft.policy.bucket_ms) if waiting.size else ():
        bucket = ("f", number)
        chosen = waiting[members].tolist()
        ids = list(dict.fromkeys(keys[i] for i in chosen))
        before = draft.store.get_many(bucket, ids)
        values = {key: value or b"" for key, value in zip(ids, before, strict=True)}
        for i, row in zip(chosen, split_rows(rows[chosen]), strict=True):
            values[keys[i]] += row
        draft.put(bucket, ids, [values[key] for key in ids])
        draft.wait(bucket, np.repeat(_NO_GROUP, len(chosen)), +1)
