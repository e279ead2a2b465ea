"""Bikes rented in Washington D.C. every hour: demand grows by half in the second year, so a model of the first
drifts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

from data_sets.folder import data_file
from data_sets.served import Served, cut, epoch_ms

_NUMBERS = ["hour", "workingday", "temp", "feelingTemp", "humidity", "windspeed"]
_SEASONS = {1: "winter", 2: "spring", 3: "summer", 4: "autumn"}


@lru_cache(maxsize=1)
def bike() -> Served:
    """A frozen forest. In this file a windspeed of 0 means that none was measured: null is sent.

    The held-out rows know two seasons of four, so the stream has unseen ones.
    """
    rows = pd.read_csv(data_file("bike_hourly.csv.gz")).rename(columns={"count": "label"})
    day = pd.to_datetime(rows["dateday"], format="%d-%m-%Y")
    rows["at"] = epoch_ms(day + pd.to_timedelta(rows["hour"], unit="h"))
    rows["season"] = rows["season"].map(_SEASONS)
    training, held_out, stream = cut(rows)
    model = RandomForestRegressor(n_estimators=20, min_samples_leaf=3, random_state=0)
    model.fit(training[_NUMBERS], training["label"])
    for part in (held_out, stream):
        part["prediction"] = model.predict(part[_NUMBERS])
    features = [*_NUMBERS, "season"]
    columns = [*features, "prediction", "label"]
    stream["latency_ms"] = np.random.default_rng(4).gamma(2.0, 4.0, len(stream)).round(3)
    stream["windspeed"] = stream["windspeed"].where(stream["windspeed"] > 0)
    stream.index = pd.Index([f"bike-{i}" for i in range(len(stream))])
    stream = stream[[*columns, "at", "latency_ms"]]
    return Served("bike", "forest", features, held_out[columns], stream, lost=None)
