"""A decision: everything one micro-batch changes, decided before anything is changed.

It is the record of the join log as well: restoring a partition is applying its decisions in log order. The form
is versioned: one line of JSON, a newline, then the keys and values back to back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tiltmeter.core.join.pending_store import Bucket
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.pane import pane_from_wire, part_to_wire
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.events.columns import KEY_BYTES

FORM = 2
#: Sides of the join: the two source topics.
PREDICTIONS, FEEDBACK = "predictions", "feedback"
#: What the rows of a partition are numbered by: model, version, then a segment for each configured name.
JoinGroup = tuple[str, ...]


@dataclass(slots=True)
class Decision:
    """One micro-batch of one side: offsets ``[first, next)``; ``rows`` and ``panes`` are its effects.

    ``waiting`` changes how many rows of a bucket still wait, by group of the partition's ``groups``.
    ``confirmed`` says up to which watermarks closed panes are known to have reached the panes topic.
    """

    epoch: int
    side: str
    first: int
    next: int
    natural_ms: int  # watermark of the side after the batch, lifts excluded
    lift_ms: int | None = None
    new_groups: list[JoinGroup] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    waiting: dict[Bucket, dict[int, int]] = field(default_factory=dict)
    puts: dict[Bucket, tuple[Sequence[bytes], Sequence[bytes]]] = field(default_factory=dict)
    deletes: dict[Bucket, Sequence[bytes]] = field(default_factory=dict)
    drops: list[Bucket] = field(default_factory=list)
    panes: list[PredictionPane | LabelPane] = field(default_factory=list)
    confirmed: dict[str, int] = field(default_factory=dict)
    _encoded: list[bytes] | None = None

    def encoded_panes(self) -> list[bytes]:
        """The bytes of each of ``panes``, made once: the log and the store hold the same."""
        if self._encoded is None:
            self._encoded = [orjson.dumps(part_to_wire(pane)) for pane in self.panes]
        return self._encoded

    def encode(self) -> bytes:
        header = {
            "form": FORM,
            "type": "batch",
            "epoch": self.epoch,
            "side": self.side,
            "first": self.first,
            "next": self.next,
            "natural_ms": self.natural_ms,
            "lift_ms": self.lift_ms,
            "new_groups": self.new_groups,
            "counters": self.counters,
            "waiting": [[*bucket, list(by_group.items())] for bucket, by_group in self.waiting.items()],
            "puts": [[*bucket, list(map(len, values))] for bucket, (_, values) in self.puts.items()],
            "deletes": [[*bucket, len(keys)] for bucket, keys in self.deletes.items()],
            "drops": self.drops,
            "panes": [orjson.Fragment(pane) for pane in self.encoded_panes()],
            "confirmed": self.confirmed,
        }
        body: list[bytes] = [orjson.dumps(header), b"\n"]
        for keys, values in self.puts.values():
            body.extend(keys)
            body.extend(values)
        for keys in self.deletes.values():
            body.extend(keys)
        return b"".join(body)

    @classmethod
    def decode(cls, header: dict[str, Any], body: memoryview) -> Decision:
        at = 0

        def take(size: int) -> bytes:
            nonlocal at
            at += size
            return bytes(body[at - size : at])

        puts: dict[Bucket, tuple[Sequence[bytes], Sequence[bytes]]] = {}
        for family, number, sizes in header["puts"]:
            keys = [take(KEY_BYTES) for _ in sizes]
            puts[(family, number)] = (keys, [take(size) for size in sizes])
        deletes: dict[Bucket, Sequence[bytes]] = {
            (family, number): [take(KEY_BYTES) for _ in range(count)]
            for family, number, count in header["deletes"]
        }
        return cls(
            epoch=header["epoch"],
            side=header["side"],
            first=header["first"],
            next=header["next"],
            natural_ms=header["natural_ms"],
            lift_ms=header["lift_ms"],
            new_groups=[tuple(names) for names in header["new_groups"]],
            counters=header["counters"],
            waiting={(family, number): dict(by_group) for family, number, by_group in header["waiting"]},
            puts=puts,
            deletes=deletes,
            drops=[(family, number) for family, number in header["drops"]],
            panes=[pane_from_wire(wire) for wire in header["panes"]],
            confirmed=header["confirmed"],
            _encoded=[orjson.dumps(wire) for wire in header["panes"]],
        )


def split_header(raw: bytes) -> tuple[dict[str, Any], memoryview]:
    """A join-log record → (header, body)."""
    cut = raw.index(b"\n")
    header: dict[str, Any] = orjson.loads(raw[:cut])
    if header.get("form") != FORM:
        raise ValueError(
            f"join-log record of form {header.get('form')!r}; this version reads form {FORM}. "
            "Run the version that wrote it, or begin anew with another topic_prefix and an empty state_dir."
        )
    return header, memoryview(raw)[cut + 1 :]
