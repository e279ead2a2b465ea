"""A model's snapshot as records of the snapshots topic: as many as its size needs.

The topic is compacted, so the newest record of a key counts. Two places take turns: while the parts of one snapshot
are being written the other one is whole, and a crash in the middle costs a longer replay, not the state.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from tiltmeter.events.columns import LogRecord

#: Most bytes of one part: well below what the topic takes (kafka/topics.py).
PART_BYTES = 4 << 20
FORM = 1


class Snapshot(NamedTuple):
    """``about`` is plain JSON: what the caller keeps beside the state. ``place`` is 0 or 1."""

    model: str
    place: int
    about: dict[str, Any]
    state: bytes


def parts(snapshot: Snapshot, part_bytes: int = PART_BYTES) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of each record."""
    whole = zlib.compress(orjson.dumps(snapshot.about) + b"\n" + snapshot.state, 1)
    pieces = [whole[i : i + part_bytes] for i in range(0, len(whole), part_bytes)]
    for i, piece in enumerate(pieces):
        header = {"form": FORM, "part": i, "of": len(pieces), "sum": zlib.crc32(whole)}
        key = f"{snapshot.model}\x1f{snapshot.place}\x1f{i}"
        yield key.encode(), orjson.dumps(header) + b"\n" + piece


def whole_ones(records: Iterable[LogRecord]) -> Iterator[Snapshot]:
    """Every complete snapshot among the newest records of all keys; of a model there may be two. ValueError for a
    form that this version does not know."""
    found: defaultdict[tuple[str, int], dict[int, tuple[dict[str, int], bytes]]] = defaultdict(dict)
    for record in records:
        if record.key is None or record.value is None:
            continue
        model, at, number = record.key.decode().rsplit("\x1f", 2)
        line, piece = record.value.split(b"\n", 1)
        header = orjson.loads(line)
        if header.get("form") != FORM:
            raise ValueError(
                f"snapshot of form {header.get('form')!r}; this version reads form {FORM}. Run the version that "
                "wrote it, or empty the snapshots topic: what the panes topic still holds is then judged again."
            )
        found[model, int(at)][int(number)] = (header, piece)
    for (model, place), pieces in sorted(found.items()):
        first = pieces.get(0)
        if first is None:
            continue
        mine = [
            pieces.get(i) for i in range(first[0]["of"])
        ]  # parts of an earlier, longer one may lie behind
        raw = b"".join(piece[1] for piece in mine if piece is not None)
        if zlib.crc32(raw) == first[0]["sum"]:
            about, state = zlib.decompress(raw).split(b"\n", 1)
            yield Snapshot(model, place, orjson.loads(about), state)
