"""Where one partition's stream of batches stands: decides which fetched batches follow on."""

from __future__ import annotations

from tiltmeter.processor.engine.errors import LogWentBackError
from tiltmeter.processor.engine.fetched import Fetched
from tiltmeter.processor.engine.intake import Tail
from tiltmeter.processor.stage import Batch


class BatchLostError(Exception):
    """A batch vanished between fetch and here; seek back to `Position.next_offset` and go on."""


class Position:
    """The next offset to process and the ticket its batch must carry."""

    def __init__(self, topic: str, partition: int, next_offset: int) -> None:
        self.topic = topic
        self.partition = partition
        self.next_offset = next_offset
        self._epoch: int | None = None
        self._number = 0

    def sought(self, epoch: int) -> None:
        """The consumer was set to `next_offset`; only batches of this epoch count from now on."""
        self._epoch = epoch
        self._number = 0

    def caught_up(self, tail: Tail) -> bool:
        """Whether all the log held is admitted; trailing control records make no batch, so count batches."""
        ticket = (tail.epoch, tail.number)
        return tail.fetched_to >= tail.end and ticket == (self._epoch, self._number)

    def admit(self, fetched: Fetched) -> Batch | None:
        """The batch to process, or None for one fetched before the last seek, which comes again if it is
        needed.

        Raises BatchLostError if the one before it never arrived, LogWentBackError if a fetch from
        `next_offset` gave older records, which only a consumer that was reset by a shorter log does.
        """
        if fetched.epoch != self._epoch:
            return None
        if fetched.number != self._number:
            raise BatchLostError
        first = fetched.records[0].offset
        if first < self.next_offset:
            raise LogWentBackError(self.topic, self.partition, self.next_offset, first)
        end = fetched.records[-1].offset + 1
        batch = Batch(self.topic, self.partition, self.next_offset, end, fetched.records)
        self._number += 1
        self.next_offset = end
        return batch
