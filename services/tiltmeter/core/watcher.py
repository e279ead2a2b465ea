"""The WATCH stage of one model, as a state machine: messages of the panes topic in, alerts out.

A deterministic fold over its messages: the same panes give the same alerts with the same ids, however often and
in whatever batches they are read. A snapshot is only a shortcut.
"""

from __future__ import annotations

from typing import Any

import orjson

from tiltmeter.core.pane_merge import PaneMerge, restore_merge
from tiltmeter.core.pane_messages import PANE
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference_book import ReferenceBook
from tiltmeter.core.version_watch import VersionWatch

FORM = 1


class Watcher:
    """One model, all its versions and segments."""

    def __init__(self, model: str, policy: ModelPolicy, delay_ms: int, references: ReferenceBook) -> None:
        self.model = model
        self.merge = PaneMerge(delay_ms)
        self.versions: dict[tuple[str, str], VersionWatch] = {}
        self._policy = policy
        self._references = references

    def on_message(self, message: dict[str, Any]) -> None:
        """A pane of this model, or a watermark of a source partition."""
        if message["type"] == PANE:
            self.merge.on_pane(message)
        else:
            self.merge.on_watermark(message)

    def advance(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Judge every pane that is complete now. Returns (closed panes in wire form, alerts)."""
        panes: list[dict[str, Any]] = []
        alerts: list[dict[str, Any]] = []
        for pane in self.merge.ready():
            panes.append(pane.to_wire())
            alerts.extend(self._version(pane.key).on_pane(pane))
        return panes, alerts

    def _version(self, key: PaneKey) -> VersionWatch:
        name = (key.version, key.segment)
        if name not in self.versions:
            self.versions[name] = VersionWatch(key, self._policy, self._references)
        return self.versions[name]

    def snapshot(self) -> bytes:
        """State as JSON; :meth:`restore` continues from it as if nothing had happened."""
        wire = {
            "form": FORM,
            "model": self.model,
            "merge": self.merge.snapshot(),
            "versions": [watch.snapshot() for _, watch in sorted(self.versions.items())],
        }
        return orjson.dumps(wire, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)

    def restore(self, raw: bytes) -> None:
        wire = orjson.loads(raw)
        if wire["form"] != FORM:
            raise ValueError(f"watch snapshot of form {wire['form']}; this version reads form {FORM}")
        self.merge = restore_merge(wire["merge"], self.merge.delay_ms)
        for state in wire["versions"]:
            key = PaneKey(0, state["width"], self.model, state["version"], state["segment"])
            self._version(key).restore(state)
