"""From the records of a source partition to columns. Pure: no record can raise, each is a row or a rejection.

A batch is decoded column by column. Where a column holds something unusual, only that column is read value by
value; a record that cannot be used leaves the batch, and the others stay columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from tiltmeter.events import faults as check
from tiltmeter.events.batch import Batch
from tiltmeter.events.columns import FeedbackColumns, Int64, PredictionColumns, Record, Rejected
from tiltmeter.events.envelope import open_records
from tiltmeter.events.event_types import FEEDBACK_TYPE, PREDICTION_TYPE
from tiltmeter.events.feedback import MAX_REVISION, Feedback
from tiltmeter.events.optional_column import integers, numbers
from tiltmeter.events.outcome_column import outcome_column
from tiltmeter.events.prediction import Prediction
from tiltmeter.events.prediction_columns import failed_rows, prediction_columns
from tiltmeter.events.reasons import Reason
from tiltmeter.events.rejection import explain, reject
from tiltmeter.events.timestamp_column import parse_timestamps
from tiltmeter.events.wire import WireModel


def decode_predictions(records: Sequence[Record]) -> tuple[PredictionColumns, list[Rejected]]:
    """Usable predictions as columns, and the others with their reasons; both in log order."""
    batch, rejected = open_records(records, PREDICTION_TYPE)
    times = batch.column("at")
    at_ms = parse_timestamps(times)
    faults = check.merge(
        check.name_faults(batch.column("prediction_id"), Reason.MISSING_ID, Reason.BAD_ID),
        check.name_faults(batch.column("model"), Reason.MISSING_MODEL, Reason.BAD_MODEL),
        check.time_faults(times, at_ms, batch.kafka_ms),
        check.prediction_faults(batch.column("prediction"), failed_rows(batch)),
        check.feature_faults(batch.column("features")),
    )
    batch, at_ms = _drop(Prediction, batch, at_ms, faults, rejected)
    return prediction_columns(
        batch, at_ms, event_times(batch, at_ms), join_keys(batch), digests(batch)
    ), rejected


def decode_feedback(records: Sequence[Record]) -> tuple[FeedbackColumns, list[Rejected]]:
    """Usable feedback as columns, and the others with their reasons; both in log order."""
    batch, rejected = open_records(records, FEEDBACK_TYPE)
    times = batch.column("at")
    at_ms = parse_timestamps(times)
    faults = check.merge(
        check.name_faults(batch.column("prediction_id"), Reason.MISSING_ID, Reason.BAD_ID),
        check.time_faults(times, at_ms, batch.kafka_ms),
        check.label_faults(batch.column("label")),
    )
    batch, at_ms = _drop(Feedback, batch, at_ms, faults, rejected)
    revision, bad_revision = integers(batch.column("revision"), 0, MAX_REVISION, absent=-1)
    propensity, bad_propensity = numbers(batch.column("label_propensity"), np.nextafter(0.0, 1.0), 1.0)
    imperfect = {"revision": bad_revision, "label_propensity": bad_propensity}
    columns = FeedbackColumns(
        offset=batch.offsets,
        at_ms=at_ms,
        event_ms=event_times(batch, at_ms),
        keys=join_keys(batch),
        digest=digests(batch),
        **outcome_column(batch.column("label"))._asdict(),
        revision=revision,
        propensity=propensity,
        imperfect={field: count for field, count in imperfect.items() if count},
    )
    return columns, rejected


def _drop(
    model: type[WireModel], batch: Batch, at_ms: Int64, faults: check.Faults, rejected: list[Rejected]
) -> tuple[Batch, Int64]:
    """The batch without the faulty rows, which join ``rejected``."""
    if not faults:
        return batch, at_ms
    for row, reason in faults.items():
        detail = explain(model, reason, batch.documents[row])
        rejected.append(reject(batch.records[row], reason, detail))
    rejected.sort(key=lambda item: item.offset)
    return batch.without(faults), np.delete(at_ms, list(faults))


def event_times(batch: Batch, at_ms: Int64) -> Int64:
    """``min(at, Kafka timestamp)``; ``at`` where the record has no timestamp (negative)."""
    kafka_ms = batch.kafka_ms
    return np.where(kafka_ms < 0, at_ms, np.minimum(at_ms, kafka_ms))


def join_keys(batch: Batch) -> list[bytes]:
    return list(map(xxhash.xxh3_128_digest, map(str.encode, batch.column("prediction_id"))))


def digests(batch: Batch) -> NDArray[np.uint64]:
    """Of the raw bytes: a redelivery has the same, a different event under the same id has not."""
    values = [record.value or b"" for record in batch.records]
    return np.fromiter(map(xxhash.xxh3_64_intdigest, values), np.uint64, len(values))
