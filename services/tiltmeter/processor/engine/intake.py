"""The consumer as the engine sees it. `transport.Consumer` is the one implementation in production."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol


class Source(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Bounds(NamedTuple):
    """Offsets that can be read: `[begin, end)`."""

    begin: int
    end: int


class Tail(NamedTuple):
    """How far fetching has come towards the end of the log."""

    end: int  # what the broker said
    fetched_to: int  # no record below this is still to be fetched, control records included
    epoch: int
    number: int  # batches fetched in this epoch


class NotAssignedError(Exception):
    """A rebalance took the partition away meanwhile."""


class Intake(Protocol):
    """Every method but `partition_counts` concerns assigned partitions only and raises NotAssignedError
    otherwise.
    """

    async def seek_to(self, offsets: Mapping[Source, int]) -> Mapping[Source, int]:
        """Set positions; returns the epoch that batches fetched from there carry."""

    async def bounds(self, sources: Collection[Source]) -> Mapping[Source, Bounds]:
        """Ask the broker for the offsets it holds now."""

    async def tails(self, sources: Collection[Source]) -> Mapping[Source, Tail]:
        """Ask the broker for the log's end now, and compare with what was fetched after the answer."""

    def set_fetching(self, sources: Collection[Source], active: bool) -> None:
        """Fetch, or stop fetching: a batch already fetched may still come. Idempotent."""

    def commit_through(self, source: Source, next_offset: int) -> None:
        """Everything below `next_offset` is processed; the group learns it with the next periodic commit."""

    async def partition_counts(self, topics: Collection[str]) -> Mapping[str, int]:
        """Partitions of those of the topics that exist."""


class PartitionOwner(Protocol):
    """What the consumer tells about its assignment, in the loop of the worker."""

    async def on_topics(self, intake: Intake) -> None:
        """A rebalance ended, whatever it assigned here: topics may have come, gone or grown."""

    async def on_assigned(self, intake: Intake, sources: Collection[Source], generation: int) -> None:
        """All assigned partitions, positions undefined. May come twice for a generation."""

    async def on_revoked(self) -> None:
        """All partitions are taken away once this returns (eager rebalancing); later seeks may raise
        NotAssignedError.
        """
