"""What a decoded micro-batch looks like: columns, one row per usable event, in log order.

Nothing here knows Kafka. A *record* is anything with the five attributes of :class:`Record`; aiokafka's
``ConsumerRecord`` fits as it is, files and confluent-kafka messages are wrapped in :class:`LogRecord`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

#: A class label travels as at most this many UTF-8 bytes (longer ones: see ``class_key``).
CLASS_BYTES = 24
#: Events are joined by the 128-bit hash of their ``prediction_id``.
KEY_BYTES = 16

#: How a prediction or a label was written in JSON.
KIND_NONE, KIND_CLASS, KIND_INTEGER, KIND_FLOAT = 0, 1, 2, 3

#: States of one feature cell.
CELL_OK, CELL_MISSING, CELL_TYPE_ERROR, CELL_NONFINITE, CELL_TEXT = 0, 1, 2, 3, 4


class Record(Protocol):
    """One record of a source partition, as the log holds it. Read-only: it is never changed here."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...  # epoch milliseconds, as stored by the broker; negative: none
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class LogRecord(NamedTuple):
    """A :class:`Record` made by hand: files, tests, confluent-kafka messages."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be used. Its bytes are kept; it is counted; it never costs the batch."""

    offset: int
    reason: str  # a closed set: see events/reasons.py
    detail: str  # what is wrong and where, with the JSON path
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(slots=True)
class FeatureColumn:
    """One feature over the rows of one group.

    ``numbers`` is float64[n], NaN wherever the cell is not a finite number; ``states`` is uint8[n] of
    ``CELL_*``; ``texts`` is present only if some cell is a string or a boolean, None elsewhere.
    """

    numbers: Float64
    states: NDArray[np.uint8]
    texts: list[str | None] | None = None


@dataclass(slots=True)
class Group:
    """Rows of one (model, version) in a batch. ``rows`` indexes the batch's columns, ascending.

    A (model, version) may have several groups: rows whose features have little in common are kept apart, so
    that a batch in which every event invents its own names costs memory in proportion to its bytes.
    ``segments`` holds one entry per row for every segment name some row carries, None where a row has none.
    """

    model: str
    version: str
    rows: Int64
    features: dict[str, FeatureColumn] = field(default_factory=dict)
    segments: dict[str, list[str | None]] = field(default_factory=dict)


@dataclass(slots=True)
class PredictionColumns:
    """n usable predictions of one source partition, ascending by offset."""

    offset: Int64
    at_ms: Int64  # event time
    event_ms: Int64  # min(at, Kafka timestamp): what moves the watermark (semantics 1)
    keys: list[bytes]  # KEY_BYTES each
    digest: NDArray[np.uint64]  # of the raw value: tells a redelivery from a conflicting duplicate
    group: NDArray[np.int32]  # index into groups
    groups: list[Group]
    kind: NDArray[np.uint8]  # KIND_*
    label: NDArray[Any]  # S{CLASS_BYTES}: canonical class key, b"" where the prediction is not a class
    value: Float64  # numeric prediction, NaN where it is not a number
    score: Float64  # NaN where absent
    ok: NDArray[np.bool_]  # False: the serving code reported status="error"
    weight: Int64
    latency_us: Int64  # -1 where absent
    imperfect: dict[str, int] = field(default_factory=dict)  # optional field -> events where it was unusable

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(slots=True)
class FeedbackColumns:
    """n usable feedback events of one source partition, ascending by offset."""

    offset: Int64
    at_ms: Int64
    event_ms: Int64
    keys: list[bytes]
    digest: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    label: NDArray[Any]  # S{CLASS_BYTES}
    value: Float64
    revision: Int64  # -1 where absent
    propensity: Float64  # NaN where absent
    imperfect: dict[str, int] = field(default_factory=dict)  # optional field -> events where it was unusable

    def __len__(self) -> int:
        return len(self.keys)
