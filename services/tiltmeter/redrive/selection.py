"""Which rejected events are to be sent back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from tiltmeter.events.reasons import Reason
from tiltmeter.events.rejected_record import RejectedEvent
from tiltmeter.redrive.mark import Position

#: No change of the monitor or of its settings makes these usable; sent back only if asked for by name. A conflict
#: would even do harm: once its id is forgotten it would count as another prediction.
HOPELESS = frozenset({Reason.CONFLICTING_DUPLICATE, Reason.EMPTY_VALUE})
DEFAULT_MAX_TRIES = 3


class Skip(StrEnum):
    """Why an event stays; the value completes "n events are ..."."""

    NOT_ASKED_FOR = "not asked for"
    HOPELESS = "not sent back unless --reason names theirs"
    NOT_OURS = "not from a topic of this Tiltmeter"
    REPEATED = "on the topic twice: the first copy was taken"
    SENT_BEFORE = "sent back before"
    CUT = "not whole: too large to be kept"
    TRIED_OFTEN = "sent back as often as --max-tries allows"


@dataclass(slots=True)
class Selection:
    """Decides one event after the other; remembers the positions it has seen, about 100 bytes each.

    ``reasons`` None: all but the hopeless ones. ``marked``: events that earlier runs have sent back.
    """

    sources: Collection[str]
    reasons: Collection[str] | None = None
    topics: Collection[str] | None = None
    max_tries: int = DEFAULT_MAX_TRIES
    marked: set[Position] = field(default_factory=set)
    _seen: set[Position] = field(default_factory=set)

    def skip(self, event: RejectedEvent) -> Skip | None:
        """None: send it back."""
        skip = self._not_wanted(event)
        if skip is not None:
            return skip
        position = Position(*event.position)
        if position in self._seen:
            return Skip.REPEATED
        self._seen.add(position)
        if position in self.marked:
            return Skip.SENT_BEFORE
        if event.cut:
            return Skip.CUT
        return Skip.TRIED_OFTEN if event.redriven >= self.max_tries else None

    def _not_wanted(self, event: RejectedEvent) -> Skip | None:
        if event.topic not in self.sources:
            return Skip.NOT_OURS
        if self.topics is not None and event.topic not in self.topics:
            return Skip.NOT_ASKED_FOR
        if self.reasons is None:
            return Skip.HOPELESS if event.reason in HOPELESS else None
        return None if event.reason in self.reasons else Skip.NOT_ASKED_FOR
