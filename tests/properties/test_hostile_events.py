"""Whatever is sent: no crash, no growth, and every record is counted once, as accepted or as rejected.

``TILTMETER_LONG=1 pytest tests/properties/test_hostile_events.py`` sends 100,000 events instead of 5,000;
``TILTMETER_HOSTILE_SEED`` chooses others.
"""

from __future__ import annotations

import json
import os
import random
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from tiltmeter.core.join.decision import Decision, split_header
from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message, read_message
from tiltmeter.core.panes.pane import LABEL_PANE
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import LogRecord, Rejected
from tiltmeter.events.reasons import MAX_EVENT_BYTES, Reason
from tiltmeter.events.rejected_record import MAX_WHOLE_BYTES, read_rejected, rejected_record

EVENTS = 100_000 if os.environ.get("TILTMETER_LONG") else 5_000
SEED = int(os.environ.get("TILTMETER_HOSTILE_SEED", "21"))
START = 1_767_225_600_000
STEP_MS = 20
SIDES = ("predictions", "feedback")
TYPES = {"predictions": "io.tiltmeter.prediction.v1", "feedback": "io.tiltmeter.feedback.v1"}

NAMES = [
    "m",
    "m",
    "m",
    "",
    "x" * 256,
    "x" * 257,
    "a\x1fb",
    "\0",
    "é" * 128,
    "__other__",
    '"}\n',
    "\U0001f30b",
]
NASTY: list[Any] = [
    None, True, False, 0, -1, 1e308, -0.0, 5e-324, 2**53, 2**63, 2**64, -(2**63) - 1, 10**300, float("nan"),
    float("inf"), "", "NaN", "\0", "\x1f", "x" * 257, "x" * 5000, "\U0001f30b", "\ud800", [], [[]], {}, {"": None},
    {"a": {"a": 1}}, list(range(50)), {"\ud800": 1}, "2026-01-01T00:00:00", "0000-00-00T00:00:00Z", "1e3",
]  # fmt: skip
BYTES: list[bytes | None] = [
    None, b"", b" ", b"null", b"{}", b"[]", b"7", b'""', b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 3000,
    b'{"a":' * 3000, b"9" * 5000, b"\0\0\0\0\x07{}", b'{"prediction_id":"\\ud800"}', b"{}{}", b"NaN", b"-",
    b'{"at":1e999999}', b'{"prediction_id":"a","prediction_id":"b"}', b'"' + b"\\u0000" * 99 + b'"',
]  # fmt: skip


class Hostile:
    """Two endless logs of one partition. Times go on; names come from a list, ids from the last few thousand."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._offsets = dict.fromkeys(SIDES, 0)
        self._sent: dict[str, list[Any]] = {side: [] for side in SIDES}
        self._now = START
        self._ids = 0

    def records(self) -> Iterator[tuple[str, LogRecord]]:
        rng = self._rng
        while True:
            self._now += rng.randint(0, 2 * STEP_MS)
            side = rng.choice(SIDES)
            event = self._event(side)
            value, headers = self._enveloped(side, event) if isinstance(event, dict) else (event, [])
            if value and rng.random() < 0.05:
                value = self._damaged(value)
            self._offsets[side] += rng.choice([1, 1, 1, 7])
            at = self._now - rng.choice([0, 0, 5, 2_000])
            key = rng.choice([b"k", None, b"", b"\xff" * 300])
            yield side, LogRecord(self._offsets[side], at, key, value, headers)

    def _event(self, side: str) -> Any:
        rng, sent = self._rng, self._sent[side]
        if rng.random() < 0.05:
            return rng.choice(BYTES)
        if rng.random() < 0.0005:
            return b'{"x":"' + b"x" * (MAX_EVENT_BYTES + rng.randint(-20, 20))
        if sent and rng.random() < 0.15:  # again, the same or under the same id something else
            return dict(rng.choice(sent)) | ({"score": 0.5} if rng.random() < 0.5 else {})
        event = self._prediction() if side == "predictions" else self._feedback()
        for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
            self._mutate(event)
        sent.append(event)
        del sent[:-500]
        return event

    def _prediction(self) -> dict[str, Any]:
        rng = self._rng
        self._ids += 1
        names = rng.sample("xyc", 2) if rng.random() < 0.9 else [f"f{rng.getrandbits(40)}" for _ in range(8)]
        return {
            "prediction_id": f"id-{self._ids}",
            "model": rng.choice(NAMES),
            "version": rng.choice(NAMES),
            "at": self._now - rng.choice([0, 0, 10, 60_000]),
            "features": dict.fromkeys(names, rng.gauss(0, 1)),
            "prediction": rng.choice([0, 1]),
            "score": rng.random(),
        }

    def _feedback(self) -> dict[str, Any]:
        rng = self._rng
        about = f"id-{max(self._ids - rng.randint(-20, 2000), 0)}"
        return {"prediction_id": about, "at": self._now, "label": rng.choice([0, 1])}

    def _mutate(self, event: dict[str, Any]) -> None:
        rng = self._rng
        known = [
            "nonfinite",
            "probabilities",
            "latency_ms",
            "status",
            "segments",
            "weight",
            "revision",
            "label",
        ]
        where = rng.choice([*event, *known, "label_propensity", "specversion", "data"])
        match rng.randrange(6):
            case 0:
                event.pop(where, None)
            case 1:
                event["features"] = {
                    rng.choice(["x", "", "y" * 129, f"f{i}"]): rng.choice(NASTY) for i in range(9)
                }
            case 2 if rng.random() < 0.05:
                event["features"] = dict.fromkeys(map(str, range(1001)), 1)
            case 3:
                event["at"] = self._now + rng.choice([-(10**10), 40_000, 3_700_000, 10**15, -(10**15)])
            case _:
                event[where] = rng.choice(NASTY)

    def _enveloped(self, side: str, event: dict[str, Any]) -> tuple[bytes, list[tuple[str, bytes]]]:
        rng = self._rng
        bare = json.dumps(event, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
        kind = rng.randrange(8)
        names = {"specversion": "1.0", "type": TYPES[side], "time": "2026-01-01T00:00:00Z", "id": "1"}
        if rng.random() < 0.3:
            names[rng.choice(list(names))] = rng.choice(
                ["", "2.0", "com.example.other", "\0", TYPES["feedback"]]
            )
        if kind == 0:
            return bare, [(f"ce_{name}", text.encode()) for name, text in names.items()]
        if kind == 1:
            media = rng.choice([b"", b"+json", b"-batch+json", b"+avro"])
            headers = [("content-type", b"application/cloudevents" + media)] if rng.random() < 0.5 else []
            data = {"data_base64": b64encode(bare).decode()} if rng.random() < 0.2 else {"data": event}
            return json.dumps({**names, **data}).encode("utf-8", "surrogatepass"), headers
        if kind == 2:
            return bare, [("traceparent", b"\xff" * rng.choice([0, 55, 300])), ("ce_type", b"\xff")]
        return bare, []

    def _damaged(self, value: bytes) -> bytes:
        at = self._rng.randrange(len(value))
        return value[:at] + self._rng.randbytes(self._rng.randrange(4)) + value[at + self._rng.randrange(4) :]


def references() -> ReferenceBook:
    rng = random.Random(1)
    x = [rng.gauss(0, 1) for _ in range(300)]
    labels = [int(value > 0) for value in x]
    columns = {"x": x, "c": [rng.choice("ab") for _ in x]}
    return ReferenceBook(
        [build_reference(columns, model="m", version="m", predictions=labels, labels=labels)]
    )


class Books:
    """A joiner, and what became of every record that it was given."""

    def __init__(self) -> None:
        policy = JoinPolicy(
            delay_ms=500,
            retention_ms=20_000,
            dedup_ms=2_000,
            corrections_ms=5_000,
            default=ModelPolicy(pane_ms=1_000),
        )
        self.store = MemoryStore()
        self.joiner = Joiner(0, self.store, policy, references())
        self.given: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._log = 0

    def give(self, side: str, records: list[LogRecord]) -> None:
        before = dict(self.joiner.state.counters)
        position = self.joiner.positions()[side]
        start = records[0].offset if position is None else position
        decision, rejected = self.joiner.decide(side, start, records[-1].offset + 1, records)
        decision = Decision.decode(*split_header(decision.encode()))
        self.joiner.apply(decision, self._log)
        self._log += 1
        self.given[side] += len(records)
        self._check_rejected(records, rejected, before)
        for pane in self.joiner.outbox():
            read_message(pane_message(pane, 0, 0))
            self.closed[pane.to_wire()["kind"]] += counted(pane.to_wire())
        self.joiner.confirm(self.joiner.watermarks())

    def _check_rejected(
        self, records: list[LogRecord], rejected: list[Rejected], before: dict[str, int]
    ) -> None:
        """Each once, in log order, whole or cut, and as many as the counters say."""
        by_offset = {record.offset: record for record in records}
        offsets = [item.offset for item in rejected]
        assert offsets == sorted(set(offsets))
        for item in rejected:
            assert item.value == by_offset[item.offset].value
            written = rejected_record(item, "t", 0)
            assert len(written.value or b"") <= MAX_WHOLE_BYTES
            event = read_rejected(LogRecord(0, 0, written.key, written.value, written.headers))
            assert event is not None
            assert (event.position, event.reason) == (("t", 0, item.offset), item.reason)
        self.reasons.update(item.reason for item in rejected)
        after = self.joiner.state.counters
        names = ("rejected", "conflicting_predictions")
        gained = sum(n - before.get(name, 0) for name, n in after.items() if name.split("\x1f")[0] in names)
        assert gained == len(rejected)

    def accounted(self) -> Counter[str]:
        """Records by side, from counters, panes, and what still waits."""
        counters: Counter[str] = Counter()
        for name, n in self.joiner.state.counters.items():
            kind, *labels = name.split("\x1f")
            counters[f"{kind} {labels[0]}" if kind == "rejected" else kind] += n
        panes = self.closed.copy()
        for pane in self.joiner.state.open.values():
            panes[pane.to_wire()["kind"]] += counted(pane.to_wire())
        waiting = sum(
            n for (family, _), by in self.joiner.state.waiting.items() if family == "f" for n in by.values()
        )
        repeated = counters["duplicate_predictions"] + counters["conflicting_predictions"]
        return Counter(
            predictions=counters["rejected predictions"] + counters["late"] + repeated + panes["prediction"],
            feedback=counters["rejected feedback"] + counters["orphaned"] + waiting + panes[LABEL_PANE],
        )

    def size(self) -> int:
        """Bytes of what a partition remembers, but for one entry and some counters per model and version, which
        stay: invented names are what an event can leave behind."""
        rows = sum(
            len(k) + len(v) for bucket in self.joiner.state.waiting for k, v in self.store.scan(bucket)
        )
        return rows + len(orjson.dumps({**self.joiner.state.to_wire(), "groups": [], "counters": {}}))


def counted(pane: dict[str, Any]) -> int:
    return pane["events"] if pane["kind"] == "prediction" else sum(pane["feedback"].values())


def test_every_hostile_record_is_counted_once_and_none_is_remembered_for_ever() -> None:
    books, rng, sizes = Books(), random.Random(SEED), []
    source = Hostile(SEED).records()
    while books.given.total() < EVENTS:
        batch = list(islice(source, min(rng.choice([1, 7, 64, 300]), EVENTS - books.given.total())))
        for side in SIDES:
            records = [record for of, record in batch if of == side]
            if records:
                books.give(side, records)
        assert books.accounted() == books.given
        sizes.append((books.given.total(), books.size()))
    assert books.given.total() == EVENTS
    rejected = books.reasons.total()
    assert 0.2 * EVENTS < rejected < 0.8 * EVENTS, "neither only usable nor only unusable events"
    early = max(size for n, size in sizes if n <= EVENTS // 2)
    late = max(size for n, size in sizes if n > EVENTS // 2)
    assert late < 1.5 * early, f"grew from {early:,} to {late:,} bytes"


def test_every_reason_is_met() -> None:
    """Otherwise the events above are not hostile enough."""
    books = Books()
    for side, record in islice(Hostile(SEED).records(), 4_000):
        books.give(side, [record])
    rare = {Reason.TOO_LARGE, Reason.TOO_MANY_FEATURES, Reason.SCHEMA_REGISTRY_FRAMING}
    assert set(Reason) - set(books.reasons) <= rare
