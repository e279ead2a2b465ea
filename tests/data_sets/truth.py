"""What must come out, from the file and the two logs: pandas, scipy and scikit-learn, none of Tiltmeter's code."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from data_sets.distances import texts
from data_sets.halves import halves
from data_sets.served import Served
from data_sets.windows import in_window, pane_starts


class Truth:
    """``predictions`` and ``labels`` have one row per prediction and per labelled prediction, with the pane
    (``start``) each belongs to; a revised label counts, with its last value, in the pane of the first."""

    def __init__(
        self,
        served: Served,
        predictions: pd.DataFrame,
        feedback: pd.DataFrame,
        pane_ms: int,
        windows: Mapping[str, int],
    ) -> None:
        self.served = served
        self._pane_ms, self._windows = pane_ms, windows
        first = predictions.drop_duplicates("id").set_index("id")
        self.repeated_predictions = len(predictions) - len(first)
        self.predictions = served.stream.loc[first.index].copy()
        self.predictions["start"] = pane_starts(self.predictions["at"], pane_ms)
        self.feedback = _fates(feedback)

        labels = feedback.drop_duplicates("id").set_index("id")
        both = labels.join(first.add_suffix("_prediction"))
        known = both[["at", "seen", "at_prediction", "seen_prediction"]].max(axis=1)
        self.labels = served.stream.loc[labels.index].copy()
        self.labels["start"] = pane_starts(known, pane_ms)
        last = feedback.drop_duplicates("id", keep="last").set_index("id")["label"]
        assert (last == self.labels["label"].reindex(last.index)).all()

    def prediction_window(self, name: str) -> pd.DataFrame:
        return self._inside(self.predictions, name)

    def label_window(self, name: str) -> pd.DataFrame:
        return self.labels if name == "all" else self._inside(self.labels, name)

    def cells(self, feature: str) -> list[int]:
        """ok, missing, type_error, nonfinite, out_of_range, unseen."""
        held_out, values = self.served.held_out[feature], self.predictions[feature]
        lost = int(values.isna().sum())
        ok = len(values) - lost
        sent_as_null = self.served.lost is None
        states = [ok, lost if sent_as_null else 0, 0, 0 if sent_as_null else lost]
        if pd.api.types.is_numeric_dtype(values):
            outside = (values < held_out.min()) | (values > held_out.max())
            return [*states, int(outside.sum()), 0]
        return [*states, 0, int((~values.dropna().isin(set(halves(texts(held_out))[0]))).sum())]

    def _inside(self, rows: pd.DataFrame, window: str) -> pd.DataFrame:
        return rows[in_window(rows["start"], self._windows[window], self._pane_ms)]


def _fates(feedback: pd.DataFrame) -> dict[str, int]:
    further = feedback[feedback.duplicated("id")]
    same = (
        further["label"].to_numpy()
        == feedback.drop_duplicates("id").set_index("id").loc[further["id"], "label"].to_numpy()
    )
    return {
        "matched": len(feedback) - len(further),
        "duplicate": int(np.count_nonzero(same)),
        "corrected": int(np.count_nonzero(~same)),
        "late_correction": 0,
    }
