"""Reference and window of one feature, side by side, ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tiltmeter.core.drift.categorical import aligned_counts
from tiltmeter.core.panes.feature_counts import STATES, FeatureCounts
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.reference.profile import LABEL, OUTPUT, CategoricalFeature, NumericFeature
from tiltmeter.core.watch.distribution import Profile, counts_of
from tiltmeter.core.watch.feature_watch import FeatureWatch
from tiltmeter.core.watch.label_watch import LabelWatch
from tiltmeter.processor.page.bars import numeric_picture
from tiltmeter.processor.page.measures import all_measures

#: Categories drawn one by one; the rest is drawn as one.
SHOWN = 8


def distributions(
    features: FeatureWatch, total: PredictionPane, *, measured: bool = False
) -> Iterator[dict[str, Any]]:
    """The predictions, if the reference knows them, and every feature of a window; ``measured``: with all
    measures."""
    reference = features.reference
    measures = dict(all_measures(features, total)) if measured else {}
    profiles: dict[str, Profile] = {**({OUTPUT: reference.prediction} if reference.prediction else {})}
    profiles.update(reference.features)
    for name, profile in profiles.items():
        counts = counts_of(total, name)
        yield {
            "name": name,
            "output": name == OUTPUT,
            "cells": dict(zip(STATES, counts.cells.tolist(), strict=True)),
            **picture(profile, counts),
            **({"measures": measures[name]} if name in measures else {}),
        }


def label_distribution(
    labels: LabelWatch, total: Outcomes, *, measured: bool = False
) -> Iterator[dict[str, Any]]:
    """What the labels of a window say, as one more."""
    counts = labels.counts(total)
    measures = dict(all_measures(labels, total)) if measured else {}
    yield {
        "name": LABEL,
        "output": True,
        "cells": {"ok": counts.values},
        **picture(labels.profile, counts),
        **({"measures": measures[LABEL]} if LABEL in measures else {}),
    }


def picture(profile: Profile, counts: FeatureCounts) -> dict[str, Any]:
    """``kind`` numeric, categories or empty, with the rows of both sides."""
    if isinstance(profile, NumericFeature):
        bins = counts.bins if counts.bins is not None else np.zeros(profile.edges.size + 1, dtype=np.int64)
        return numeric_picture(profile, bins)
    return _categories(profile, counts)


def _categories(profile: CategoricalFeature, counts: FeatureCounts) -> dict[str, Any]:
    """The most frequent ones on either side, in the reference's order; ``rest_of`` says how many are put together
    in ``rest``, together with all that the reference does not know."""
    names, ours, theirs = aligned_counts(profile.categories, profile.other, counts.categories or {})
    shares = np.maximum(ours / max(int(ours.sum()), 1), theirs / max(int(theirs.sum()), 1))[:-1]
    shown = sorted(
        np.argsort(-shares, kind="stable")[:SHOWN].tolist(), key=lambda i: (-int(ours[i]), names[i])
    )
    rows = [[names[i], int(ours[i]), int(theirs[i])] for i in shown]
    rest = [int(ours.sum()) - sum(row[1] for row in rows), int(theirs.sum()) - sum(row[2] for row in rows)]
    return {"kind": "categories", "rows": rows, "rest": rest, "rest_of": len(names) - len(shown)}
