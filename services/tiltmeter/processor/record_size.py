"""How many records of a source topic make one record of the join log."""

from __future__ import annotations

import sys

#: A join-log record is at most this large; a batch that decides more is cut and decided again
#: (docs/decisions/0003-log-record-size.md). The topic takes 8 MiB, for claims.
LOG_RECORD_BYTES = 4 << 20


class RecordSize:
    """Learns from what did not fit, so that the batches after it are cut before they are decided, and only once.

    A decision is a fixed part (panes) and a part for each record, so that more records take fewer bytes each: what
    grows in proportion from a size that fits still fits.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.records = sys.maxsize

    def fits(self, records: int, size: int) -> bool:
        """A batch of so many records was decided, and takes ``size`` bytes. False: cut it to ``self.records``."""
        likely = max(records * self._most_bytes * 7 // (8 * max(size, 1)), 1)
        if size > self._most_bytes and records > 1:
            self.records = min(likely, records - 1)
            return False
        self.records = max(self.records, likely)
        return True
