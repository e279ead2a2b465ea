"""A stream cut in three: rows a model was trained on, held-out rows for its reference, and rows it serves."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True)
class Served:
    """Columns of both frames: the features, ``prediction``, ``label`` and, of a classifier, ``score``.

    ``stream`` is indexed by prediction_id and also has ``at`` (epoch milliseconds) and ``latency_ms``.
    """

    model: str
    version: str
    features: list[str]
    held_out: pd.DataFrame
    stream: pd.DataFrame
    #: What serving code sends for a value that is NaN in ``stream``.
    lost: float | None


def cut(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The first fifth, the next tenth, the rest; in order of time."""
    fifth, tenth = len(rows) // 5, len(rows) // 10
    return rows[:fifth], rows[fifth : fifth + tenth].copy(), rows[fifth + tenth :].copy()


def epoch_ms(times: pd.Series) -> pd.Series:
    return (times - pd.Timestamp("1970-01-01")) // pd.Timedelta(milliseconds=1)
