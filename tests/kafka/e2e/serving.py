"""A data set served: its reference through the command line, its events through the emitter."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import polars as pl

from data_sets.schedule import Send
from data_sets.served import DAY, Served
from kafka.e2e.deployment import Deployment
from kafka.e2e.sentinels import everything_arrived, send_sentinels
from tiltmeter.emitter import Emitter


def publish_reference(live: Deployment, served: Served, suffix: str) -> None:
    """`tiltmeter reference build` and `publish` over the held-out rows in a ``csv`` or ``parquet`` file."""
    rows, profile = live.folder / f"held_out.{suffix}", live.folder / "reference.json"
    if suffix == "csv":
        served.held_out.to_csv(rows, index=False)
    else:
        pl.DataFrame(served.held_out.to_dict("list")).write_parquet(rows)
    features = ",".join(served.features)
    named = ("--model", served.model, "--version", served.version, "--features", features)
    live.command("reference", "build", str(rows), *named, "--out", str(profile))
    live.command("reference", "publish", str(profile))


class Server:
    """Sends scheduled events in their order."""

    def __init__(self, live: Deployment, served: Served) -> None:
        self._emitter: Emitter = live.emitter(served.model, served.version)
        self._served = served
        self._ids: list[str] = served.stream.index.tolist()
        self._rows: list[dict[str, Any]] = served.stream.to_dict("records")
        self._last_ms = 0

    def send(self, sends: Iterable[Send]) -> None:
        """All of them are acknowledged on return."""
        for send in sends:
            self._last_ms = max(self._last_ms, send.event_ms)
            identity = self._ids[send.row]
            if send.kind == "feedback":
                self._emitter.feedback(identity, send.label, at=send.event_ms)
            else:
                self._predict(identity, self._rows[send.row], send.event_ms)
        everything_arrived(self._emitter)

    def close_panes(self, partitions: int) -> None:
        """After everything has been sent: events of another model, a month later in event time. All panes are closed
        then, and the version has not been silent for so long that it is no longer shown."""
        send_sentinels(self._emitter, partitions, self._last_ms + 30 * DAY)

    def _predict(self, identity: str, row: dict[str, Any], at_ms: int) -> None:
        features = {name: row[name] for name in self._served.features}
        for name, value in features.items():
            if isinstance(value, float) and math.isnan(value):
                features[name] = self._served.lost
        self._emitter.prediction(
            features,
            row["prediction"],
            prediction_id=identity,
            at=at_ms,
            score=row.get("score"),
            latency_ms=row["latency_ms"],
        )
