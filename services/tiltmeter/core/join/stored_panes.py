"""How the open and unconfirmed panes of a partition lie in the store: as what was added to them.

::

    pane:ID         the sum up to some moment
    pane:ID:0, 1 …  what was added since, the bytes that are in the join log too
    closed:ID       the pane is closed

A pane takes a part with each batch. Written as a whole each time, the panes of 1,000 models would cost more than all
their predictions.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tiltmeter.core.panes.pane import Pane, PaneId, pane_from_wire, pane_id

#: So many parts are put together to one entry.
MOST_PARTS = 32

#: Changes to the store's meta entries.
Entries = dict[bytes, bytes | None]
Panes = dict[PaneId, Pane]


class StoredPanes:
    """Writes entries and remembers how many parts of each pane there are."""

    def __init__(self) -> None:
        self._parts: dict[PaneId, int] = {}

    def load(self, meta: Mapping[bytes, bytes]) -> tuple[Panes, Panes]:
        """(open, closed) panes. Sums are the same in any order."""
        found: Panes = {}
        closed: set[PaneId] = set()
        for name in sorted(meta):
            if not name.startswith(b"pane:"):
                continue
            wire = orjson.loads(meta[name])
            pane = pane_from_wire(wire)
            identity = pane_id(pane)
            if identity in found:
                found[identity].add(pane)  # type: ignore[arg-type]  # same id, same kind
            else:
                found[identity] = pane
            if not name.endswith(b"]"):
                self._parts[identity] = self._parts.get(identity, 0) + 1
            if wire.get("closed"):  # an entry of before there were parts
                closed.add(identity)
        for identity, pane in found.items():
            mark = meta.get(b"closed:" + _name(identity))
            if mark is not None:
                closed.add(identity)
                pane.lifted = orjson.loads(mark)["lifted"]
        is_open = {identity: pane for identity, pane in found.items() if identity not in closed}
        return is_open, {identity: found[identity] for identity in closed}

    def add(self, entries: Entries, identity: PaneId, part: bytes, whole: Pane) -> None:
        """``part`` has been added to ``whole``."""
        number = self._parts.get(identity, 0)
        if number < MOST_PARTS:
            entries[b"pane:%b:%d" % (_name(identity), number)] = part
            self._parts[identity] = number + 1
        else:
            self.put(entries, whole)

    def put(self, entries: Entries, pane: Pane) -> None:
        """The pane as it is, in place of all its parts."""
        identity = pane_id(pane)
        self._drop_parts(entries, identity)
        entries[b"pane:" + _name(identity)] = orjson.dumps(pane.to_wire())

    def close(self, entries: Entries, pane: Pane) -> None:
        entries[b"closed:" + _name(pane_id(pane))] = orjson.dumps({"lifted": pane.lifted})

    def drop(self, entries: Entries, identity: PaneId) -> None:
        self._drop_parts(entries, identity)
        entries[b"pane:" + _name(identity)] = entries[b"closed:" + _name(identity)] = None

    def _drop_parts(self, entries: Entries, identity: PaneId) -> None:
        for number in range(self._parts.pop(identity, 0)):
            entries[b"pane:%b:%d" % (_name(identity), number)] = None


def _name(identity: PaneId) -> bytes:
    return orjson.dumps([identity[0], *identity[1]])
