"""What a micro-batch of feedback decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.join.decision import FEEDBACK, Decision
from tiltmeter.core.join.draft import Draft
from tiltmeter.core.join.pending_store import Bucket
from tiltmeter.core.join.rows import FEEDBACK as FEEDBACK_ROW
from tiltmeter.core.join.rows import FORM, PREDICTION, TRUTH, parse_rows, split_rows
from tiltmeter.core.join.rows_by import rows_by
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
    rows["propensity"] = columns.propensity
    found, waiting = _find_predictions(draft, columns.keys, seen // draft.policy.bucket_ms)
    for bucket, predictions in found.items():
        _label(draft, columns.keys, rows, bucket, predictions)
    _wait(draft, columns.keys, rows, seen, np.array(waiting, dtype=np.int64))
    return draft.finish(int(natural[-1]))


#: Row → the stored bytes of its prediction, rows ascending.
Found = dict[int, bytes]


def _find_predictions(
    draft: Draft, keys: list[bytes], buckets: Int64
) -> tuple[dict[Bucket, Found], list[int]]:
    """The predictions by bucket, and the rows whose prediction has not come, ascending."""
    found: dict[Bucket, Found] = {}
    waiting: list[int] = []
    for (number,), members in rows_by(buckets):
        missing = members.tolist()
        for bucket in draft.near("p", number, draft.policy.reach):
            values = draft.store.get_many(bucket, [keys[i] for i in missing])
            hits = {i: value for i, value in zip(missing, values, strict=True) if value is not None}
            if hits:
                found.setdefault(bucket, {}).update(hits)
                missing = [i for i in missing if i not in hits]
            if not missing:
                break
        waiting.extend(missing)
    return found, sorted(waiting)


def _label(draft: Draft, keys: list[bytes], rows: NDArray[Any], bucket: Bucket, predictions: Found) -> None:
    """Labels for predictions of one bucket."""
    unlabelled = [i for i, value in predictions.items() if len(value) == PREDICTION.itemsize]
    first = sorted({keys[i]: i for i in reversed(unlabelled)}.values())  # the first label of each id
    changed: dict[bytes, bytes] = {}
    if first:
        parsed = parse_rows([predictions[i] for i in first], PREDICTION)
        truths = split_rows(draft.labelling.first_label(parsed, rows[first]))
        changed = {keys[i]: predictions[i] + truth for i, truth in zip(first, truths, strict=True)}
        draft.wait(bucket, parsed["group"].astype(np.int64), -1)
    for i in sorted(predictions.keys() - set(first)) if len(first) < len(predictions) else ():
        value = changed.get(keys[i], predictions[i])
        prediction = np.frombuffer(value, dtype=PREDICTION, count=1)
        truth = np.frombuffer(value, dtype=TRUTH, count=1, offset=PREDICTION.itemsize)
        kept = draft.labelling.next_label(prediction, truth, rows[i : i + 1])
        changed[keys[i]] = value[: PREDICTION.itemsize] + kept.tobytes()
    draft.put(bucket, list(changed), list(changed.values()))


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
