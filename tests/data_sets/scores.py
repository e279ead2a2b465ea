"""Performance of labelled rows by scikit-learn, and how far a published number may be from it.

Counts and ratios of counts are equal. Sums of real numbers are quantised to 2**-20 of a unit (the power of two at
or above the labels' spread), so a mean may differ by half of that.
"""

from __future__ import annotations

import math

import pandas as pd
import pytest
from sklearn import metrics

ULPS = 1e-12


def scores(rows: pd.DataFrame, unit: float) -> dict[str, object]:
    """Name → what a published number must equal."""
    label, prediction = rows["label"], rows["prediction"]
    if "score" in rows:
        return {
            "labelled": len(rows),
            "classified": len(rows),
            "correct": int((label == prediction).sum()),
            "accuracy": metrics.accuracy_score(label, prediction),
            "precision": pytest.approx(metrics.precision_score(label, prediction), abs=ULPS),
            "recall": pytest.approx(metrics.recall_score(label, prediction), abs=ULPS),
            "f1": pytest.approx(metrics.f1_score(label, prediction), abs=ULPS),
            "brier_score": pytest.approx(metrics.brier_score_loss(label, rows["score"]), abs=2**-20),
            "log_loss": pytest.approx(metrics.log_loss(label, rows["score"]), abs=2**-20),
        }
    step = unit * 2**-20
    return {
        "labelled": len(rows),
        "mae": pytest.approx(metrics.mean_absolute_error(label, prediction), abs=step),
        "rmse": pytest.approx(math.sqrt(metrics.mean_squared_error(label, prediction)), abs=8 * step),
        "bias": pytest.approx(float((prediction - label).mean()), abs=step),
        "r2": pytest.approx(metrics.r2_score(label, prediction), abs=1e-5),
    }
