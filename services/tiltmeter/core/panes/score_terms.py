"""What one score of a binary model contributes to sums, in a pane and in a reference alike."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltmeter.events.columns import Float64

#: A likelihood below .001 costs a detector as much as one of .001; the log loss itself is clipped at 1e-15.
LOG_LOSS_CAP: Final = -math.log(1e-3)
SMALLEST_LIKELIHOOD: Final = 1e-15


class ScoreTerms(NamedTuple):
    """float64[n] each; ``capped_log_loss`` is a share of the cap."""

    likelihood: Float64
    brier: Float64
    log_loss: Float64
    capped_log_loss: Float64


def score_terms(scores: Float64, positive: NDArray[np.bool_]) -> ScoreTerms:
    """Of float64[n] probabilities of class 1, in [0, 1], and bool[n] labels."""
    likelihood = np.where(positive, scores, 1.0 - scores)
    log_loss = -np.log(np.clip(likelihood, SMALLEST_LIKELIHOOD, 1.0))
    capped = np.minimum(log_loss, LOG_LOSS_CAP) / LOG_LOSS_CAP
    return ScoreTerms(likelihood, (1.0 - likelihood) ** 2, log_loss, capped)
