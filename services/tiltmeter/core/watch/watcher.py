"""The WATCH stage of one model, as a state machine: messages of the panes topic in, alerts out.

A deterministic fold over its messages: the same panes give the same alerts with the same ids, however often and
in whatever batches they are read. A snapshot is only a shortcut.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import orjson

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.messages import PANE
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.watch.departed import Departed, Life, Name, in_the_way
from tiltmeter.core.watch.pane_merge import PaneMerge, restore_merge
from tiltmeter.core.watch.traffic import Traffic
from tiltmeter.core.watch.version_watch import VersionWatch

FORM = 6
_SILENT = "withdrawn: no predictions for a long time, the version is forgotten"
_CROWDED = "withdrawn: too many versions and segments; of them this one was silent longest, and is forgotten"


class Watcher:
    """One model, all its versions and segments."""

    def __init__(
        self,
        model: str,
        policy: ModelPolicy,
        delay_ms: int,
        references: ReferenceBook,
        write_panes: bool = True,
    ) -> None:
        """``write_panes``: closed panes are taken out as they are written; else as empty ones, for who only asks
        whether some were closed. Writing one takes a third of a millisecond."""
        self.model = model
        self._write_panes = write_panes
        self.merge = PaneMerge(delay_ms)
        self.versions: dict[Name, VersionWatch] = {}
        #: Versions and segments that have made room for others.
        self.crowded_out = 0
        self._policy = policy
        self._references = references
        self._departed = Departed()
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
            self._panes.append(pane.to_wire() if self._write_panes else {})
            watch = (
                self._of_labels(pane.key) if isinstance(pane, LabelPane) else self._of_predictions(pane.key)
            )
            self._alerts += [] if watch is None else watch.on_pane(pane)
        complete_to_ms = self.complete_to_ms
        for _, lives in sorted(self._departed.lives.items(), key=itemgetter(0)):
            for life in lives:
                self._alerts += life.watch.advance(min(complete_to_ms, life.at_ms))
        for name, life in self._departed.due(complete_to_ms):
            self._forget(name, life)
        for name, watch in sorted(self.versions.items()):
            self._alerts += watch.advance(min(complete_to_ms, watch.gone_at_ms))
            if complete_to_ms >= watch.gone_at_ms:
                self._forget(name, Life(watch.gone_at_ms, _SILENT, self.versions.pop(name)))

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
        successor = Watcher(self.model, policy, self.merge.delay_ms, self._references, self._write_panes)
        successor.restore(self.snapshot())
        return successor

    def _of_predictions(self, key: PaneKey) -> VersionWatch:
        """Whether a long pause is noticed while it lasts or by the pane that ends it, and which timeline is ahead
        then, the outcome is the same: labels from before the end of the pause belong to what was before it."""
        name, start_ms = (key.version, key.segment), key.start_ms
        self._end_pause(name, start_ms)
        watch = self.versions.get(name)
        if watch is None or watch.last_prediction_pane is None:
            self._departed.begin(name, start_ms)
            self._make_room(start_ms)
        return self._version(key)

    def _of_labels(self, key: PaneKey) -> VersionWatch | None:
        """None: of a version that has made room for others."""
        name, start_ms = (key.version, key.segment), key.start_ms
        if self._departed.is_muted(name, start_ms):
            return None
        former = self._departed.life_at(name, start_ms)
        if former is not None:
            return former
        self._end_pause(name, start_ms)
        return self._version(key)

    def _end_pause(self, name: Name, start_ms: int) -> None:
        watch = self.versions.get(name)
        if watch is not None and start_ms >= watch.gone_at_ms:
            self._departed.leave(name, Life(watch.gone_at_ms, _SILENT, self.versions.pop(name)))

    def _make_room(self, start_ms: int) -> None:
        """For one that begins: a function of the prediction panes so far, whose order is that of time and name."""
        policy = self._policy
        for name in in_the_way(self.versions, policy.most_watched, start_ms, policy.lately_ms):
            watch = self.versions.pop(name)
            self._departed.leave(name, Life(start_ms, _CROWDED, watch))
            self._departed.mute(name, start_ms, watch.gone_at_ms)
            self.crowded_out += 1

    def _forget(self, name: Name, life: Life) -> None:
        self.merge.forget(*name, life.at_ms)
        self._alerts += life.watch.withdraw(life.at_ms, life.reason)

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
            **self._departed.snapshot(),
            "crowded_out": self.crowded_out,
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
        for watch in map(self._restored, wire["versions"]):
            self.versions[watch.version, watch.segment] = watch
        self._departed.restore([self._restored(state) for state in wire["leaving"]], wire)
        self.crowded_out = wire["crowded_out"]

    def _restored(self, state: dict[str, Any]) -> VersionWatch:
        watch = self._new(PaneKey(0, state["width"], self.model, state["version"], state["segment"]))
        watch.restore(state)
        return watch
