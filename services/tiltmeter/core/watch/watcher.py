"""The WATCH stage of one model, as a state machine: messages of the panes topic in, alerts out.

A deterministic fold over its messages: the same panes give the same alerts with the same ids, however often and
in whatever batches they are read. A snapshot is only a shortcut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.messages import PANE
from tiltmeter.core.panes.pane import Pane
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.watch.pane_merge import PaneMerge, restore_merge
from tiltmeter.core.watch.traffic import Traffic
from tiltmeter.core.watch.version_watch import VersionWatch

FORM = 5


class Watcher:
    """One model, all its versions and segments."""

    def __init__(self, model: str, policy: ModelPolicy, delay_ms: int, references: ReferenceBook) -> None:
        self.model = model
        self.merge = PaneMerge(delay_ms)
        self.versions: dict[tuple[str, str], VersionWatch] = {}
        self._policy = policy
        self._references = references
        #: Gone by the timeline of predictions, while that of labels is not there yet.
        self._leaving: dict[tuple[str, str], VersionWatch] = {}
        self._traffic: dict[str, Traffic] = {}  # by segment
        self._panes: list[dict[str, Any]] = []
        self._alerts: list[dict[str, Any]] = []

    def on_message(self, message: dict[str, Any]) -> None:
        """A pane of this model, or a watermark of a source partition: what that completes is judged at once, so that
        not even the order of alerts depends on when somebody asks for them."""
        if message["type"] == PANE:
            self.merge.on_pane(message)
            return
        before = dict(self.merge.passed)
        self.merge.on_watermark(message)
        if self.merge.passed != before:
            self._judge()

    def advance(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Take out (closed panes in wire form, alerts) since the last call."""
        panes, alerts = self._panes, self._alerts
        self._panes, self._alerts = [], []
        return panes, alerts

    def _judge(self) -> None:
        for pane in self.merge.ready():
            self._panes.append(pane.to_wire())
            self._alerts += self._watch_of(pane).on_pane(pane)
        complete_to_ms = self.complete_to_ms
        for watches in (self._leaving, self.versions):
            for name, watch in sorted(watches.items()):
                self._alerts += watch.advance(min(complete_to_ms, watch.gone_at_ms))
                if complete_to_ms >= watch.gone_at_ms:
                    self._forget(name, watches.pop(name))

    @property
    def complete_to_ms(self) -> int:
        """Event time up to which the panes of both kinds are closed."""
        return min(self.merge.passed.values()) - self.merge.delay_ms

    def shown(self) -> Iterator[VersionWatch]:
        """The versions and segments about which there is something to say: not those that fell silent."""
        for watch in self.versions.values():
            if not watch.silent_at(self.complete_to_ms):
                yield watch

    def with_policy(self, policy: ModelPolicy) -> Watcher:
        """The same state, judged by ``policy`` from now on. Evidence against a null that is no longer asked is
        forgotten; alerts that fire go on until they resolve."""
        successor = Watcher(self.model, policy, self.merge.delay_ms, self._references)
        successor.restore(self.snapshot())
        return successor

    def _watch_of(self, pane: Pane) -> VersionWatch:
        """Whether a long pause is noticed while it lasts or by the pane that ends it, and which timeline is ahead
        then, the outcome is the same: labels from before the end of the pause belong to what was before it."""
        name, start_ms = (pane.key.version, pane.key.segment), pane.key.start_ms
        leaving = self._leaving.get(name)
        if leaving is not None and isinstance(pane, LabelPane) and start_ms < leaving.gone_at_ms:
            return leaving
        watch = self.versions.get(name)
        if watch is not None and start_ms >= watch.gone_at_ms:
            if leaving is not None:  # two such pauses within the lag of the labels
                self._forget(name, leaving)
            self._leaving[name] = self.versions.pop(name)
        return self._version(pane.key)

    def _forget(self, name: tuple[str, str], watch: VersionWatch) -> None:
        self.merge.forget(*name, watch.gone_at_ms)
        self._alerts += watch.withdraw("withdrawn: no predictions for a long time, the version is forgotten")

    def _version(self, key: PaneKey) -> VersionWatch:
        name = (key.version, key.segment)
        if name not in self.versions:
            self.versions[name] = self._new(key)
        return self.versions[name]

    def _new(self, key: PaneKey) -> VersionWatch:
        traffic = self._traffic.setdefault(key.segment, Traffic())
        return VersionWatch(key, self._policy, self._references, traffic)

    def snapshot(self) -> bytes:
        """State as JSON; :meth:`restore` continues from it as if nothing had happened."""
        wire = {
            "form": FORM,
            "model": self.model,
            "merge": self.merge.snapshot(),
            "traffic": {segment: traffic.snapshot() for segment, traffic in sorted(self._traffic.items())},
            "versions": [watch.snapshot() for _, watch in sorted(self.versions.items())],
            "leaving": [watch.snapshot() for _, watch in sorted(self._leaving.items())],
            "not_taken": [self._panes, self._alerts],
        }
        return orjson.dumps(wire, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)

    def restore(self, raw: bytes) -> None:
        wire = orjson.loads(raw)
        if wire["form"] != FORM:
            raise ValueError(
                f"watch snapshot of form {wire['form']}; this version reads form {FORM}. Run the version that wrote "
                "it, or empty the snapshots topic: what the panes topic still holds is then judged again."
            )
        self.merge = restore_merge(wire["merge"], self.merge.delay_ms)
        self._traffic = {segment: Traffic(**known) for segment, known in wire["traffic"].items()}
        self._panes, self._alerts = wire["not_taken"]
        for watches, name in ((self.versions, "versions"), (self._leaving, "leaving")):
            for state in wire.get(name, []):
                key = PaneKey(0, state["width"], self.model, state["version"], state["segment"])
                watch = watches[key.version, key.segment] = self._new(key)
                watch.restore(state)
