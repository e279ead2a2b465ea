"""A poll's records of one partition, with a ticket that says where in the sequence of fetches they belong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiltmeter.processor.stage import Record


@dataclass(frozen=True, slots=True)
class Fetched:
    """Stamped in the thread that fetches, in the same step that takes the records out of the fetch buffer.

    `epoch` counts the seeks of this partition, `number` the batches since the last one. Faust drops batches
    between fetch and agent (paused partitions, stopped flow, cleared queues), and an offset alone cannot tell
    such a loss from a control record or from compaction; the pair can. `log_end` is what the broker said with
    the records, 0 if nothing.
    """

    topic: str
    partition: int
    epoch: int
    number: int
    records: Sequence[Record]
    log_end: int = 0
