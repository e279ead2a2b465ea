"""Both source topics as one table each, straight from their JSON."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
import pandas as pd


def event_log(values: Iterable[tuple[int, bytes]], known_ids: pd.Index) -> pd.DataFrame:
    """(partition, event) in log order → partition, id, at (epoch ms), label, and ``seen``: the latest ``at`` of the
    partition so far. Only events of these ids; the others come after all of them."""
    rows = []
    for partition, value in values:
        event = orjson.loads(value)
        rows.append((partition, event["prediction_id"], event["at"], event.get("label")))
    log = pd.DataFrame(rows, columns=["partition", "id", "at", "label"])
    log = log[log["id"].isin(known_ids)].reset_index(drop=True)
    log["at"] = pd.to_datetime(log["at"], utc=True).astype("datetime64[ms, UTC]").astype("int64")
    log["seen"] = log.groupby("partition")["at"].cummax()
    return log
