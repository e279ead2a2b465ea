"""Exact distances of raw samples: the two-sample KS statistic, or the largest change of a category's share."""

from __future__ import annotations

import pandas as pd
from scipy.stats import ks_2samp

from data_sets.halves import halves
from data_sets.served import Served

#: The names under which predictions and labels are published beside the features, and their columns.
OUTPUT, LABEL = "(prediction)", "(label)"
_COLUMNS = {OUTPUT: "prediction", LABEL: "label"}


def texts(cells: pd.Series) -> list[str | None]:
    """As a reference spells categories and classes that are whole numbers."""
    return [None if pd.isna(cell) else str(cell) for cell in cells.tolist()]


def distance(served: Served, name: str, window: pd.DataFrame) -> tuple[int, float]:
    """(rows, distance) of what the window holds from what the reference was built on."""
    column = _COLUMNS.get(name, name)
    reference, values = served.held_out[column].dropna(), window[column].dropna()
    classes = name in _COLUMNS and "score" in served.held_out
    if classes or not pd.api.types.is_numeric_dtype(values):
        choosing, counted = (pd.Series(half).dropna() for half in halves(texts(served.held_out[column])))
        values = pd.Series(texts(values))
        shares = counted.value_counts(normalize=True), values.value_counts(normalize=True)
        known = sorted(set(choosing))
        change = [abs(shares[0].get(k, 0.0) - shares[1].get(k, 0.0)) for k in known]
        others = [float((~of.isin(known)).mean()) for of in (counted, values)]
        return len(values), max([*change, abs(others[0] - others[1])])
    return len(values), float(ks_2samp(reference, values, method="asymp").statistic)
