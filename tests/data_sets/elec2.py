"""Electricity prices of New South Wales, every half hour: will the price rise? The classic drifting stream."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_sets.folder import data_file
from data_sets.served import Served, cut, epoch_ms

FEATURES = [f"feat_{i}" for i in range(1, 7)]


@lru_cache(maxsize=1)
def elec2() -> Served:
    """A frozen logistic regression; every 97th value of feat_2 is lost on its way and sent as NaN."""
    rows = pd.read_csv(data_file("elec2.csv.gz")).rename(columns={"target": "label"})
    rows["at"] = epoch_ms(pd.Series(pd.date_range("1996-05-07", periods=len(rows), freq="30min")))
    training, held_out, stream = cut(rows)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(training[FEATURES], training["label"])
    for part in (held_out, stream):
        part["prediction"] = model.predict(part[FEATURES])
        part["score"] = model.predict_proba(part[FEATURES])[:, 1]
    stream["latency_ms"] = np.random.default_rng(3).gamma(2.0, 4.0, len(stream)).round(3)
    stream.loc[stream.index % 97 == 0, "feat_2"] = np.nan
    stream.index = pd.Index([f"elec2-{i}" for i in range(len(stream))])
    return Served("elec2", "logistic", FEATURES, held_out.drop(columns="at"), stream, lost=math.nan)
