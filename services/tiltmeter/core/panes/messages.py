"""The two kinds of messages on the panes topic."""

from __future__ import annotations

from typing import Any

import orjson

from tiltmeter.core.panes.pane import LABEL_PANE, PREDICTION_PANE, Pane

#: The watermark of a partition that has seen nothing: before every time.
NEVER = -(1 << 62)
FORM = 1
PANE, WATERMARK = "io.tiltmeter.pane.v1", "io.tiltmeter.watermark.v1"


def pane_message(pane: Pane, partition: int, epoch: int) -> bytes:
    """One closed pane of one source partition, under the epoch of its owner."""
    return orjson.dumps(
        {"type": PANE, "form": FORM, "partition": partition, "epoch": epoch, "pane": pane.to_wire()}
    )


def watermark_message(
    partition: int, partitions: int, epoch: int, watermarks: dict[str, int], idle: bool = False
) -> bytes:
    """All panes of ``partition`` that end (plus the delay) at or before these watermarks have been sent before.

    ``idle``: the partition has no event at all, so it holds nobody up; its owner says so only at lag 0.
    """
    return orjson.dumps(
        {
            "type": WATERMARK,
            "form": FORM,
            "partition": partition,
            "partitions": partitions,
            "epoch": epoch,
            "prediction": watermarks[PREDICTION_PANE],
            "label": watermarks[LABEL_PANE],
            "idle": idle,
        }
    )


def read_message(raw: bytes) -> dict[str, Any]:
    """A record of the panes topic. ValueError for a form that this version does not know."""
    message: dict[str, Any] = orjson.loads(raw)
    if message.get("form") != FORM or message.get("type") not in (PANE, WATERMARK):
        raise ValueError(
            f"panes topic: a record of type {message.get('type')!r}, form {message.get('form')!r}; this version "
            f"reads form {FORM}. Run one version of Tiltmeter, or a newer one."
        )
    return message
