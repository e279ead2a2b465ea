"""In which order a stream is sent: predictions a little out of order, labels late, out of order, twice, revised.

at               +90 min                        known            +transit
prediction made  prediction sent ............   label known      label sent
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from data_sets.served import HOUR, MINUTE, Served

#: No prediction is overtaken by one made later than this; a watermark.delay above it makes none late.
MOST_DISORDER_MS = 90 * MINUTE
#: Share of rows: never labelled, labelled twice alike, first labelled wrongly, predicted twice alike.
UNLABELLED, REPEATED, REVISED, PREDICTED_TWICE = 0.03, 0.01, 0.005, 0.005


class Send(NamedTuple):
    """One event. ``revised`` is a label that is not yet the last word."""

    at_ms: int
    kind: str  # prediction | feedback
    row: int
    event_ms: int
    label: float


def schedule(served: Served, *, transit_ms: int, seed: int = 5) -> list[Send]:
    """All events in sending order. A label is sent up to ``transit_ms`` after it became known; with 0 labels are
    sent as they become known, so that no label finds a later one before it."""
    random = np.random.default_rng(seed)
    stream, n = served.stream, len(served.stream)
    at = stream["at"].to_numpy()
    labels = stream["label"].to_numpy()
    sent = at + random.integers(0, MOST_DISORDER_MS, n)
    sends = _sends(sent, "prediction", np.arange(n), at, labels)
    again = np.flatnonzero(random.random(n) < PREDICTED_TWICE)
    sends += _sends(sent[again] + MINUTE, "prediction", again, at[again], labels[again])

    labelled = np.flatnonzero(random.random(n) >= UNLABELLED)
    delay = 3 * HOUR + np.minimum(random.exponential(8 * HOUR, n), 64 * HOUR).astype(np.int64)
    known = at + delay
    arrives = known + (random.integers(0, transit_ms, n) if transit_ms else 0)
    fate = random.random(n)
    wrong = np.where(fate < REVISED, _other(served, labels), labels)
    sends += _sends(arrives[labelled], "feedback", labelled, known[labelled], wrong[labelled])
    further = labelled[fate[labelled] < REVISED + REPEATED]
    later = random.integers(HOUR, 12 * HOUR, n)[further]
    sends += _sends(arrives[further] + later, "feedback", further, known[further] + later, labels[further])
    return sorted(sends)


def _sends(
    when: np.ndarray, kind: str, rows: np.ndarray, event_ms: np.ndarray, labels: np.ndarray
) -> list[Send]:
    columns = (when.tolist(), [kind] * len(rows), rows.tolist(), event_ms.tolist(), labels.tolist())
    return [Send(*cells) for cells in zip(*columns, strict=True)]


def _other(served: Served, labels: np.ndarray) -> np.ndarray:
    return 1 - labels if "score" in served.stream else labels + 100


def as_frame(sends: list[Send]) -> pd.DataFrame:
    return pd.DataFrame(sends, columns=Send._fields)
