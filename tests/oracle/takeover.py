r"""A partition whose owners crash at every step of the commit order, lose their disk, and come back as zombies.

owner 1 ──decide──append──apply──send──confirm──×
                          │                      \ same disk, or an empty one
log     … batch(1) batch(1) claim(2) batch(1)void batch(2) …
                                     ▲ a zombie that does not know yet
"""

from __future__ import annotations

import random

import orjson

from oracle.driver import Told, collect, decide_next, next_side, tell
from oracle.join import Name
from oracle.streams import Case
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message, read_message, watermark_message
from tiltmeter.core.watch.pane_merge import PaneMerge

STEPS = ("decide", "append", "apply", "send", "confirm")


class Takeovers:
    """``log`` is the join log; ``merge`` has read everything that was sent to the panes topic."""

    def __init__(self, made: Case, rng: random.Random) -> None:
        self.made, self.rng = made, rng
        self.log: list[bytes] = []
        self.sent: dict[Name, dict[str, object]] = {}
        self.merge = PaneMerge(made.policy.delay_ms)
        self.merged: list[dict[str, object]] = []
        self.store = MemoryStore()
        self.owner = self._joiner(self.store)
        self.crashes = self.void = 0

    def run(self) -> Told:
        """Until both logs are read, with a crash after a random step of about every third batch."""
        self._take()
        while next_side(self.owner, self.made, self.rng):
            stop = self.rng.choice([*STEPS, None, None, None, None, None, None, None, None, None, None])
            self._batch(self.owner, stop)
            if stop is not None:
                self._take_over()
        self._catch_up()  # a zombie may have had the last word
        self._send(self.owner)
        return tell(self.owner, self.sent)

    def from_the_log(self) -> Joiner:
        """A new disk: everything from the log."""
        joiner = self._joiner(MemoryStore())
        for offset, raw in enumerate(self.log):
            joiner.restore(raw, offset)
        return joiner

    def _joiner(self, store: MemoryStore) -> Joiner:
        return Joiner(0, store, self.made.policy, self.made.references)

    def _batch(self, joiner: Joiner, stop: str | None = None) -> None:
        side = next_side(joiner, self.made, self.rng)
        if side is None:
            return
        before = orjson.dumps(joiner.state.to_wire())
        decision = decide_next(joiner, self.made, side, self.rng, 12)
        assert orjson.dumps(joiner.state.to_wire()) == before, "deciding changed the state"
        if stop == "decide":
            return
        self.log.append(decision.encode())
        if stop == "append":
            return
        joiner.apply(decision, len(self.log) - 1)
        if stop == "apply":
            return
        self._send(joiner)
        if stop != "send" and self.rng.random() < 0.7:
            joiner.confirm(joiner.watermarks())

    def _send(self, joiner: Joiner) -> None:
        collect(joiner, self.sent)
        epoch = joiner.state.epoch
        for pane in joiner.outbox():
            self.merge.on_pane(read_message(pane_message(pane, 0, epoch)))
        self.merge.on_watermark(read_message(watermark_message(0, 1, epoch, joiner.watermarks())))
        self.merged.extend(pane.to_wire() for pane in self.merge.ready())

    def _take_over(self) -> None:
        self.crashes += 1
        old, other_worker = self.owner, self.rng.random() < 0.5
        if other_worker:
            self.store = MemoryStore()
        self.owner = self._joiner(self.store)
        alive = other_worker and self.rng.random() < 0.7 and old.state.log_next == len(self.log)
        self._catch_up()
        if alive and self.rng.random() < 0.5:  # before the claim: counts
            self._batch(old, self.rng.choice(STEPS))
        self._take()
        while alive and old.state.log_next < len(self.log) and self.rng.random() < 0.7:  # after it: void
            self._batch(old)
            self.void += 1

    def _take(self) -> None:
        epoch = self.owner.state.epoch + 1
        self.log.append(self.owner.claim())
        self._catch_up()
        assert self.owner.state.epoch == epoch
        self._send(self.owner)

    def _catch_up(self) -> None:
        start = self.owner.state.log_next
        for offset in range(start, len(self.log)):
            self.owner.restore(self.log[offset], offset)
