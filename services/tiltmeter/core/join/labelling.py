"""What a label says about a prediction: the outcome, and the pane it belongs to.

Every rule here depends on the prediction's record and the feedback's record alone, not on which of the two was
processed first. That is what makes a label pane the same bytes for every interleaving of the two topics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltmeter.core.counting.few_outcomes import FEW, Labelled
from tiltmeter.core.counting.fill_outcomes import add_classified, add_measured
from tiltmeter.core.counting.yardstick import Yardstick
from tiltmeter.core.join.decision import JoinGroup
from tiltmeter.core.join.rows import TRUTH
from tiltmeter.core.join.rows_by import rows_by
from tiltmeter.core.panes.cohorts import age_buckets, cohort_starts
from tiltmeter.core.panes.fixed_point import total
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.weighted import Weighted
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.reference.task import numeric_rows, task_of
from tiltmeter.events.columns import KIND_NONE

Rows = NDArray[Any]


class Labelling:
    """Collects the label panes of one decision.

    ``groups`` is the partition's list of (model, version, segments ...); ``group`` fields of prediction rows index
    it. A label counts in the pane of the version and in one of each of its segments.
    """

    def __init__(
        self, groups: list[JoinGroup], policy: JoinPolicy, references: ReferenceBook, closed_ms: int
    ) -> None:
        self._groups = groups
        self._policy = policy
        self._references = references
        self._closed_ms = closed_ms  # label panes that end here or before are closed
        self._yardsticks: dict[int, Yardstick] = {}
        self._widths = np.empty(0, dtype=np.int64)
        self.panes: dict[PaneKey, LabelPane] = {}

    def first_label(self, predictions: Rows, feedback: Rows) -> Rows:
        """Outcomes of n predictions that had no label; returns their TRUTH rows.

        A label belongs to the pane of max(feedback.at, both watermarks at the two records, prediction.at): the
        first moment at which both were known. No such pane can be closed yet (docs/semantics.md).
        """
        known, natural = self._known(predictions, feedback)
        truth = np.zeros(predictions.size, dtype=TRUTH)
        truth["label"], truth["value"] = feedback["label"], feedback["value"]
        truth["revision"], truth["known"] = feedback["revision"], known
        truth["lifted"] = known != natural
        self._flag_moved(predictions, known, natural)
        width = self._pane_widths(predictions)
        truth["pane"] = known // width * width
        age = age_buckets(known - predictions["at"])
        cohort = cohort_starts(predictions["at"], age)
        columns = (predictions["group"].astype(np.int64), truth["pane"], cohort, age)
        drawn = bool((feedback["propensity"] > 0).any())
        parts = list(rows_by(*columns))
        few = sum(rows.size for _, rows in parts if rows.size <= FEW)
        labelled = None
        if few > predictions.size // 4:
            labelled = self._labelled(predictions, feedback["label"], feedback["value"])
        for (group, start, cohort_ms, bucket), rows in parts:
            if labelled is not None and rows.size <= FEW:
                outcomes = labelled.outcomes(rows.tolist(), self._yardstick(group))
            else:
                outcomes = self._outcomes(predictions[rows], feedback["label"][rows], feedback["value"][rows])
            weighted = self._weighted(predictions[rows], feedback[rows]) if drawn else Weighted()
            for pane in self._panes(group, start):
                pane.feedback["matched"] += int(rows.size)
                pane.cells.setdefault((cohort_ms, bucket), Outcomes()).add(outcomes)
                if weighted:
                    pane.weighted.add(weighted)
        return truth

    def next_label(self, prediction: Rows, truth: Rows, feedback: Rows) -> Rows:
        """A further label for one prediction (arrays of one row); returns the TRUTH row to keep.

        Equal, or not newer by ``revision``: a duplicate. Different within ``join.corrections``: corrected, and
        the pane that counted the old label is told the difference. Later: counted, and the old label stays.
        """
        known, natural = self._known(prediction, feedback)
        self._flag_moved(prediction, known, natural)
        truth = truth.copy()
        truth["lifted"] |= known != natural
        width = int(self._pane_widths(prediction)[0])
        panes = self._panes(int(prediction["group"][0]), int(known[0]) // width * width)
        for pane in panes:
            pane.lifted = pane.lifted or bool(truth["lifted"][0])
        same_label = truth["label"][0] == feedback["label"][0] and (
            truth["value"][0] == feedback["value"][0]
            or (np.isnan(truth["value"][0]) and np.isnan(feedback["value"][0]))
        )
        stale = 0 <= feedback["revision"][0] <= truth["revision"][0]
        if same_label or stale:
            _count(panes, "duplicate")
            return truth
        if known[0] - truth["known"][0] > self._policy.corrections_ms:
            _count(panes, "late_correction")
            return truth
        _count(panes, "corrected")
        change = self._change(prediction, truth, feedback)
        for pane in panes:
            pane.correct(int(truth["pane"][0]), change)
        truth["label"], truth["value"] = feedback["label"], feedback["value"]
        truth["revision"] = feedback["revision"]
        return truth

    def _known(self, predictions: Rows, feedback: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """When each pair was known, with and without lifted watermarks."""
        event = np.maximum(predictions["at"], feedback["at"])
        known = np.maximum(event, np.maximum(predictions["seen"], feedback["seen"]))
        natural = np.maximum(event, np.maximum(predictions["natural"], feedback["natural"]))
        return known, natural

    def _flag_moved(self, predictions: Rows, known: NDArray[np.int64], natural: NDArray[np.int64]) -> None:
        """Where a lift moved a label, a replay puts it elsewhere: neither pane can be promised (semantics 5).
        A natural pane that is closed already was closed by the same lift and says so itself."""
        moved = np.flatnonzero(known != natural)
        group, width = predictions["group"][moved].astype(np.int64), self._pane_widths(predictions[moved])
        for times in (known[moved], natural[moved]):
            for (number, start), rows in rows_by(group, times // width * width):
                if start + int(width[rows[0]]) > self._closed_ms:
                    for pane in self._panes(number, start):
                        pane.lifted = True

    def _pane_widths(self, predictions: Rows) -> NDArray[np.int64]:
        if self._widths.size < len(self._groups):  # predictions of the batch may have brought new ones
            known = [self._policy.model(model).pane_ms for model, *_ in self._groups]
            self._widths = np.array(known, dtype=np.int64)
        chosen: NDArray[np.int64] = self._widths[predictions["group"]]
        return chosen

    def _panes(self, group: int, start_ms: int) -> list[LabelPane]:
        """Of the version, and of each of its segments."""
        model, version, *segments = self._groups[group]
        width = self._policy.model(model).pane_ms
        keys = [PaneKey(start_ms, width, model, version, segment) for segment in ("", *segments)]
        return [self.panes.setdefault(key, LabelPane(key)) for key in keys]

    def task(self, group: int) -> str:
        """What the group's answers are: classification, regression or, by the event, auto."""
        return self._yardstick(group).task

    def _yardstick(self, group: int) -> Yardstick:
        if group not in self._yardsticks:
            policy, performance = self._measured(group)
            task = task_of(policy, performance)
            self._yardsticks[group] = Yardstick.of(task, performance, policy.loss_scale)
        return self._yardsticks[group]

    def _measured(self, group: int) -> tuple[ModelPolicy, Performance | None]:
        """The policy, and how good the version's first reference was."""
        model, version, *_ = self._groups[group]
        first = self._references.first(model, version)
        return self._policy.model(model), first.performance if first else None

    def _labelled(self, predictions: Rows, label: Rows, value: NDArray[np.float64]) -> Labelled:
        yardsticks = {group: self._yardstick(group) for group in set(predictions["group"].tolist())}
        return Labelled(predictions, label, value, yardsticks)

    def _change(self, prediction: Rows, truth: Rows, feedback: Rows) -> Outcomes:
        """The outcome by the new label minus the one by the old label, of one prediction (arrays of one row)."""
        yardstick = self._yardstick(int(prediction["group"][0]))
        label, value = (np.concatenate([feedback[name], truth[name]]) for name in ("label", "value"))
        labelled = self._labelled(np.repeat(prediction, 2), label, value)
        change = labelled.outcomes([0], yardstick)
        change.amend(labelled.outcomes([1], yardstick), sign=-1)
        return change

    def _weighted(self, predictions: Rows, feedback: Rows) -> Weighted:
        """Of first labels with a propensity, where predictions of one group are classes."""
        given = feedback["propensity"] > 0
        if not given.any():
            return Weighted()
        task = self.task(int(predictions["group"][0]))
        usable = (predictions["kind"] != KIND_NONE) & (predictions["ok"] != 0)
        rows = given & usable & ~numeric_rows(predictions["kind"], task)
        right = predictions["label"] == feedback["label"]
        return Weighted.of(feedback["propensity"][rows], right[rows])

    def _outcomes(self, predictions: Rows, label: Rows, value: NDArray[np.float64]) -> Outcomes:
        """Outcomes of n ≥ 1 predictions of one group. Failed predictions (status error) are labelled and count
        in ``n``, but what they answered, if anything, is neither right nor wrong."""
        policy, performance = self._measured(int(predictions["group"][0]))
        outcomes = Outcomes(n=int(predictions.size), weight=total(predictions["weight"]))
        usable = (predictions["kind"] != KIND_NONE) & (predictions["ok"] != 0)
        numeric = numeric_rows(predictions["kind"], task_of(policy, performance))
        add_classified(outcomes, predictions, label, usable & ~numeric, performance)
        add_measured(outcomes, predictions, value, usable & numeric, performance, policy.loss_scale)
        return outcomes


def _count(panes: list[LabelPane], what: str) -> None:
    for pane in panes:
        pane.feedback[what] += 1
