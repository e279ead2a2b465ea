"""Performance of labelled rows by scikit-learn, and how far a published number may be from it.

Counts and ratios of counts are equal. Sums of real numbers are quantised to 2**-20 of a unit (the power of two at
or above the labels' spread), so a mean may differ by half of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

ULPS = 1e-12
#: How far apart bounds may be on real scores: a tree's are tied, so the truth may be anywhere between.
WIDEST = 0.1


@dataclass(frozen=True, eq=False)
class Around:
    """Equal to a published [at least, estimate, at most] that holds the truth between narrow bounds."""

    truth: float

    def __hash__(self) -> int:
        return hash(self.truth)

    def __eq__(self, published: object) -> bool:
        assert isinstance(published, list)
        low, estimate, high = published
        held: bool = low - ULPS <= self.truth <= high + ULPS and low <= estimate <= high
        return held and high - low < WIDEST


def calibration(label: np.ndarray, score: np.ndarray) -> dict[str, object]:
    """Over 15 equal-width bins, (lower, upper]."""
    bins = np.searchsorted(np.arange(1, 15) / 15, score)
    inside = [(score[bins == b], label[bins == b]) for b in range(15) if (bins == b).any()]
    gap = sum(abs(float((p - y).sum())) for p, y in inside) / len(label)
    return {
        "calibration_in_the_large": pytest.approx(float((score - label).mean()), abs=2**-20),
        "expected_calibration_error": pytest.approx(gap, abs=2**-20),
        "reliability": [
            [len(p), pytest.approx(float(p.mean()), abs=2**-20), pytest.approx(float(y.mean()), abs=ULPS)]
            for p, y in inside
        ],
    }


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
            "balanced_accuracy": pytest.approx(metrics.balanced_accuracy_score(label, prediction), abs=ULPS),
            "matthews_correlation": pytest.approx(metrics.matthews_corrcoef(label, prediction), abs=ULPS),
            "kappa": pytest.approx(metrics.cohen_kappa_score(label, prediction), abs=ULPS),
            "roc_auc": Around(metrics.roc_auc_score(label, rows["score"])),
            "average_precision": Around(metrics.average_precision_score(label, rows["score"])),
            **calibration(label.to_numpy(), rows["score"].to_numpy()),
        }
    step = unit * 2**-20
    return {
        "labelled": len(rows),
        "mae": pytest.approx(metrics.mean_absolute_error(label, prediction), abs=step),
        "rmse": pytest.approx(math.sqrt(metrics.mean_squared_error(label, prediction)), abs=8 * step),
        "bias": pytest.approx(float((prediction - label).mean()), abs=step),
        "r2": pytest.approx(metrics.r2_score(label, prediction), abs=1e-5),
    }
