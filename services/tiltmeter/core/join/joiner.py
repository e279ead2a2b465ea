"""The JOIN stage of one partition number, as a state machine over plain values.

Commit order of a micro-batch; the caller does the I/O, a crash between any two steps loses and repeats nothing:

1. ``decide_*``  reads state, changes nothing
2. append the decision to the join log, acknowledged by all replicas
3. ``apply``     one local write: rows, open panes, input offsets, log offset
4. send ``outbox`` panes, then ``watermarks``, acknowledged; ``confirm`` what was sent
5. acknowledge the batch to the transport
6. commit the offsets to the consumer group
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import orjson

from tiltmeter.core.join.decision import FORM, PREDICTIONS, Decision, split_header
from tiltmeter.core.join.draft import Draft, merged
from tiltmeter.core.join.feedback import decide_feedback
from tiltmeter.core.join.pending_store import PendingStore, StoreWrite
from tiltmeter.core.join.predictions import decide_predictions
from tiltmeter.core.join.state import JoinState, counter
from tiltmeter.core.join.stored_panes import Entries, StoredPanes
from tiltmeter.core.panes.pane import LABEL_PANE, PREDICTION_PANE, Pane, pane_id
from tiltmeter.core.policy import JoinPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.events.columns import Rejected
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.events.rejection import reject_conflicting

#: A claim's state is compressed to a fifth or less. One that is larger still (thousands of models with open panes)
#: goes without: then the join log needs its head, or another claim, to be restored from.
MOST_CLAIM_BYTES = 6 << 20
_START_OVER = (
    "Records are missing. Stop all workers, delete the local state folder of this partition and restart; if the "
    "message returns, the log itself lost records: start over under a new topic prefix."
)


class JoinLogBrokenError(Exception):
    """A record of the join log does not continue where the last one ended."""


class Joiner:
    """State of one partition. Not thread-safe; one owner at a time (the epoch tells which)."""

    def __init__(
        self, partition: int, store: PendingStore, policy: JoinPolicy, references: ReferenceBook
    ) -> None:
        self.partition = partition
        self.state = JoinState()
        self._store = store
        self._policy = policy
        self._references = references
        self._panes = StoredPanes()
        self._headless = False  # rows of a log without its head are here, the state they belong to is not
        meta = store.meta()
        if b"state" in meta:
            self.state = JoinState.from_wire({**orjson.loads(meta[b"state"]), "open": [], "outbox": []})
            self.state.open, self.state.outbox = self._panes.load(meta)

    def change_policy(self, policy: JoinPolicy) -> None:
        """Decide with ``policy`` from the next batch on. Only what does not shape state may differ: expectations."""
        self._policy = policy

    # 1 ------------------------------------------------------------------------------------------------------

    def decide(
        self, side: str, start: int, end: int, records: Sequence[Any]
    ) -> tuple[Decision, list[Rejected]]:
        """Decide the records of one side in offsets ``[start, end)``; the log may have holes.

        Returns what the records change, and those that go to the rejected topic, in log order: the unusable
        ones, and predictions under an id that another event has taken (counted as conflicting, not as rejected).
        Raises :class:`JoinLogBrokenError` where the batch does not continue the state: what cannot be applied
        must not reach the log, where it would stop every later restore.
        """
        self._must_continue(side, start, "a batch to decide")
        begin = Decision(self.state.epoch, side, start, end, self.state.sides[side].natural_ms)
        draft = Draft(self.state, self._store, self._policy, self._references, begin)
        if side == PREDICTIONS:
            predictions, rejected = decode_predictions(records)
            decision, imperfect = decide_predictions(draft, predictions), predictions.imperfect
        else:
            feedback, rejected = decode_feedback(records)
            decision, imperfect = decide_feedback(draft, feedback), feedback.imperfect
        for name, count in imperfect.items():
            draft.count(counter("imperfect", side, name), count)
        for item in rejected:
            draft.count(counter("rejected", side, str(item.reason)), 1)
        if draft.conflicting:
            rejected.extend(reject_conflicting(records, draft.conflicting))
            rejected.sort(key=lambda item: item.offset)
        return decision, rejected

    def decide_lift(self, side: str, to_ms: int) -> Decision:
        """Lift the watermark of an idle side (semantics 5). The lift is logged like any batch."""
        at = self.state.sides[side]
        offset = at.next if at.next is not None else 0
        begin = Decision(self.state.epoch, side, offset, offset, at.natural_ms, lift_ms=to_ms)
        return Draft(self.state, self._store, self._policy, self._references, begin).finish(None)

    # 2, 3 ---------------------------------------------------------------------------------------------------

    def apply(self, decision: Decision, log_offset: int) -> None:
        """Make a logged decision true, in memory and in one local write."""
        state, side = self.state, self.state.sides[decision.side]
        self._must_continue(decision.side, decision.first, f"the join-log record at offset {log_offset}")
        if decision.next > decision.first:
            side.next = decision.next
        side.natural_ms = decision.natural_ms
        if decision.lift_ms is not None:
            side.lift_ms = max(side.lift_ms, decision.lift_ms)
        state.groups.extend(decision.new_groups)
        for name, amount in decision.counters.items():
            state.counters[name] = state.counters.get(name, 0) + amount
        for bucket, change in decision.waiting.items():
            state.waiting[bucket] = merged(state.waiting.get(bucket, {}), change)
        for bucket in decision.drops:
            state.waiting.pop(bucket, None)
        entries: Entries = {}
        for pane, part in zip(decision.panes, decision.encoded_panes(), strict=True):
            opened = state.open.setdefault(pane_id(pane), pane)
            if opened is not pane:
                opened.add(pane)  # type: ignore[arg-type]  # same id, same kind
            self._panes.add(entries, pane_id(pane), part, opened)
        self._close(entries)
        self._forget(decision.confirmed, entries)
        state.log_next = log_offset + 1
        self._write(entries, decision)

    def _write(self, entries: Entries, decision: Decision | None = None) -> None:
        entries[b"state"] = orjson.dumps(self.state.header_to_wire())
        if decision is None:
            self._store.write(StoreWrite(meta=entries))
        else:
            self._store.write(StoreWrite(decision.drops, decision.deletes, decision.puts, entries))

    def _must_continue(self, side: str, first: int, what: str) -> None:
        ends = self.state.sides[side].next
        if ends is not None and first != ends:
            raise JoinLogBrokenError(
                f"partition {self.partition}: {what} starts at {side} offset {first}, but the state ends at {ends}. "
                + _START_OVER
            )

    def _close(self, entries: Entries) -> None:
        """Move every pane whose time is over to the outbox (semantics 2)."""
        state, delay = self.state, self._policy.delay_ms
        for kind in (PREDICTION_PANE, LABEL_PANE):
            mark, natural = state.watermark_ms(kind), state.natural_ms(kind)
            over = [i for i in state.open if i[0] == kind and i[1].end_ms + delay <= mark]
            for identity in sorted(over):
                pane = state.open.pop(identity)
                pane.lifted = pane.lifted or identity[1].end_ms + delay > natural
                state.outbox[identity] = pane
                self._panes.close(entries, pane)

    def _forget(self, confirmed: dict[str, int], entries: Entries) -> None:
        """Drop outbox panes that are known to have arrived."""
        for kind, mark in confirmed.items():
            self.state.confirmed[kind] = max(self.state.confirmed[kind], mark)
        for identity in list(self.state.outbox):
            if identity[1].end_ms + self._policy.delay_ms <= self.state.confirmed[identity[0]]:
                del self.state.outbox[identity]
                self._panes.drop(entries, identity)

    # 4 ------------------------------------------------------------------------------------------------------

    def outbox(self) -> list[Pane]:
        """Closed panes that are not known to have reached the panes topic, oldest first."""
        return [self.state.outbox[i] for i in sorted(self.state.outbox, key=lambda i: (i[1], i[0]))]

    def watermarks(self) -> dict[str, int]:
        """Panes ending at or before these (plus the delay) are all in the outbox or sent."""
        return {kind: self.state.watermark_ms(kind) for kind in (PREDICTION_PANE, LABEL_PANE)}

    def confirm(self, watermarks: dict[str, int]) -> None:
        """Everything these watermarks closed has been acknowledged by the panes topic."""
        entries: Entries = {}
        self._forget(watermarks, entries)
        if entries:
            self._write(entries)

    # Restoring ----------------------------------------------------------------------------------------------

    def claim(self) -> bytes:
        """The record by which a new owner takes the partition: a higher epoch, with the state it starts from.

        It is a checkpoint too: a log whose head has been deleted by retention restores from its first claim,
        and :class:`JoinLogBrokenError` is raised where there is none. So owners claim again from time to time.
        """
        if self._headless:
            raise JoinLogBrokenError(
                f"partition {self.partition}: the join log has lost its head and holds no claim to start from. "
                + _START_OVER
            )
        wire = self.state.to_wire()
        wire["epoch"] = self.state.epoch + 1
        header = {"form": FORM, "type": "claim", "epoch": wire["epoch"]}
        state = zlib.compress(orjson.dumps(wire), 1)
        if len(state) > MOST_CLAIM_BYTES:
            state = b""  # takes the partition all the same, but is nothing to start from
        return orjson.dumps(header) + b"\n" + state

    def restore(self, raw: bytes, log_offset: int) -> bool:
        """Apply one record of the join log; False where it is void: written by an owner that had lost the
        partition, or the second of two claims of one epoch (whoever wrote it must claim again).

        Raises :class:`JoinLogBrokenError` where a record does not continue the last one.
        """
        header, body = split_header(raw)
        state = self.state
        if log_offset < state.log_next:
            return True
        if log_offset > state.log_next > 0:
            raise JoinLogBrokenError(
                f"partition {self.partition}: the join log goes on at offset {log_offset}, but the state ends at "
                f"{state.log_next}. " + _START_OVER
            )
        if header["epoch"] < state.epoch + (header["type"] == "claim"):
            state.log_next = log_offset + 1
            return False
        if header["type"] == "batch":
            decision = Decision.decode(header, body)
            if log_offset > 0 and state.log_next == 0:  # the log's head is gone: rows now, state at a claim
                self._headless = True
                self._store.write(StoreWrite(decision.drops, decision.deletes, decision.puts))
            else:
                self.apply(decision, log_offset)
            return True
        if state.log_next == 0 and not body:  # a claim that was too large to hold the state
            self._headless = True
            return True
        entries: Entries = {}
        if state.log_next == 0:
            self.state = JoinState.from_wire(orjson.loads(zlib.decompress(body)))
            self._headless = False
            for pane in (*self.state.open.values(), *self.state.outbox.values()):
                self._panes.put(entries, pane)
            for pane in self.state.outbox.values():
                self._panes.close(entries, pane)
        self.state.epoch = header["epoch"]
        self.state.log_next = log_offset + 1
        self._write(entries)
        return True

    def positions(self) -> dict[str, int | None]:
        """The next offset of each side, as the state says."""
        return {name: side.next for name, side in self.state.sides.items()}
