"""Everything that compares labels with the predictions they are for, of one (model, version, segment).

Prediction panes and label panes are two timelines that never wait for each other. What compares them is decided at
the *frontier*, the smaller of the two times up to which they are complete, in order of event time: a pure function of
the panes, whatever their interleaving.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from tiltmeter.core.late_labels.concept_gap import ConceptGap
from tiltmeter.core.late_labels.estimated import calibration_map, expected_errors
from tiltmeter.core.late_labels.label_delay import LabelAges
from tiltmeter.core.late_labels.mature_errors import MatureErrors
from tiltmeter.core.late_labels.matured import Matured
from tiltmeter.core.late_labels.maturity import age_name, maturities
from tiltmeter.core.late_labels.nowcast import Nowcast, development, nowcast
from tiltmeter.core.late_labels.triangle import Tally, Triangle, tally_of
from tiltmeter.core.panes.cohorts import AGE_LIMITS_MS
from tiltmeter.core.panes.fixed_point import ONE
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.weighted import Weighted
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.verdicts.alert_state import ActiveAlert

#: Matured cohorts that a nowcast learns delays from.
DEVELOPED = 30

#: A label pane that waits for the frontier: (start, cells).
_Waiting = tuple[int, list[tuple[int, int, Tally]]]


class LateLabelWatch:
    """Coverage and accuracy at fixed maturities, label delays, nowcasts."""

    def __init__(self, key: PaneKey, policy: ModelPolicy, references: ReferenceBook) -> None:
        self._key = key
        self._references = references
        found = maturities(policy)
        self.matured = [Matured(m, len(found), policy) for m in found]
        #: By cohort width. The last one reaches farthest, and keeps the steps that nowcasts need.
        self._triangles: dict[int, Triangle] = {}
        for m in found:
            last = m.cohort_ms == found[-1].cohort_ms
            self._triangles[m.cohort_ms] = Triangle(m.cohort_ms, m.buckets, with_steps=last)
        self.errors = MatureErrors(self.matured, policy) if found and policy.labels == "maturity" else None
        self.delays = Window(max(policy.windows.values()), key.width_ms, LabelAges)
        #: Labels that were drawn by a known probability, by window; on the timeline of label panes alone.
        self.weighted = {name: Window(n, key.width_ms, Weighted) for name, n in policy.windows.items()}
        self._waiting: list[_Waiting] = []
        #: When, in the last step, the error rate at fixed maturities began to warn (True) or ceased to.
        self.worse: list[tuple[int, bool]] = []
        self._frontier_ms: int | None = None
        self.gap = ConceptGap(policy)
        #: Of which cohort width, and whether coverage was as usual; what follows from the state is not part of it.
        self._nowcasts: tuple[tuple[int, bool], list[tuple[str, Nowcast]]] | None = None
        self._map_of, self._map = "", calibration_map(())

    def on_predictions(self, pane: PredictionPane) -> None:
        """A closed pane; whose labels are looked at is decided when the frontier comes."""
        promised = self._promised(pane)
        for triangle in self._triangles.values():
            triangle.add_predictions(
                pane.key.start_ms, pane.events - pane.errors, pane.answers.classes, promised
            )

    def _promised(self, pane: PredictionPane) -> tuple[int, int, int]:
        """What the scores say of errors, by the calibration of the pane's reference: each term is rounded once."""
        reference = self._references.by_id(pane.reference_id) if pane.reference_id else None
        counts = reference.performance.calibration if reference and reference.performance else ()
        if self._map_of != pane.reference_id:
            self._map_of, self._map = pane.reference_id, calibration_map(counts)
        if pane.answers.scores is None or self._map is None:
            return 0, 0, 0
        found = expected_errors(pane.answers.scores, self._map)
        return found.n, round(found.errors * ONE), round(found.squares * ONE)

    def on_labels(self, pane: LabelPane) -> None:
        """A closed pane waits for the frontier: prediction panes may be behind it."""
        cells = [(cohort, age, tally_of(outcomes)) for (cohort, age), outcomes in sorted(pane.cells.items())]
        self._waiting.append((pane.key.start_ms, cells))
        for window in self.weighted.values():
            window.add(pane.key.start_ms, pane.weighted)

    def advance(self, frontier_ms: int) -> list[dict[str, Any]]:
        """Both timelines are complete up to here: judge every cohort that is old enough now. Returns alerts."""
        width = self._key.width_ms
        frontier_ms = frontier_ms // width * width
        self.worse = []
        if self._frontier_ms is not None and frontier_ms <= self._frontier_ms:
            return []
        self._frontier_ms = frontier_ms
        self._take_labels(frontier_ms - width)
        due: list[tuple[int, int, int]] = []
        moved = False
        for number, matured in enumerate(self.matured):
            to_ms = matured.due(frontier_ms)
            if to_ms is not None:
                m, since = matured.maturity, matured.judged_to_ms
                # At the next border of a pane: that is where the frontier stands when it becomes due.
                due += [
                    (-(-(start + m.cohort_ms + m.age_ms) // width) * width, number, start)
                    for start in self._triangles[m.cohort_ms].cohorts
                    if start < to_ms and (since is None or start >= since)
                ]
                matured.judged_to_ms, moved = to_ms, True
        alerts = self._judge(sorted(due))
        if moved:
            self._forget()
        return alerts

    def _take_labels(self, last_ms: int) -> None:
        while self._waiting and self._waiting[0][0] <= last_ms:
            start_ms, cells = self._waiting.pop(0)
            ages = LabelAges()
            for cohort_ms, age, tally in cells:
                for triangle in self._triangles.values():
                    triangle.add_labels(cohort_ms, age, tally, start_ms)
                ages.counts[age] += sum(n for n, _ in tally.values())
            self.delays.add(start_ms, ages)

    def _judge(self, due: list[tuple[int, int, int]]) -> list[dict[str, Any]]:
        """Cohorts in the order in which they came of age; alarms once per point in time."""
        alerts: list[dict[str, Any]] = []
        for at_ms, together in groupby(due, key=itemgetter(0)):
            key: PaneKey | None = None
            for _, number, start_ms in together:
                matured = self.matured[number]
                width = matured.maturity.cohort_ms
                cohort = self._triangles[width].cohorts[start_ms]
                if not cohort.predicted:  # labels of late predictions only
                    continue
                judged = matured.judge(start_ms, cohort)
                key = self._key._replace(start_ms=at_ms - width, width_ms=width)
                alert = matured.alert(key)
                alerts += [alert] if alert is not None else []
                k = self._key
                reference = self._references.at(k.model, k.version, start_ms, k.segment)
                performance = reference.performance if reference else None
                alerts += self.gap.add(matured, judged, cohort, performance, key)
                if self.errors is not None:
                    self.errors.add(matured, judged, performance, self._usual)
            if self.errors is not None and key is not None:
                alerts += self.errors.judge(key)
                self.worse.append((at_ms, self.errors.warns))
        return alerts

    def _forget(self) -> None:
        for width, triangle in self._triangles.items():
            done = [m.judged_to_ms for m in self.matured if m.maturity.cohort_ms == width]
            before = min((ms for ms in done if ms is not None), default=None)
            if before is not None:
                triangle.forget(before - (DEVELOPED + 1) * width * triangle.with_steps)

    @property
    def _usual(self) -> bool:
        """No maturity's labels are known to be missing."""
        return not any(m.shortfall.state.firing for m in self.matured)

    def nowcasts(self) -> list[tuple[str, Nowcast]]:
        """By age of the predictions: those at least so old and younger than the next limit, "0" the youngest. Those
        beyond the largest maturity need no estimate: it is what "in the end" means. While labels are missing,
        matured cohorts do not tell how many are still to come, and nothing is estimated."""
        if not self.matured or self._frontier_ms is None:
            return []
        usual = self._usual
        now = self._frontier_ms // self.matured[-1].maturity.cohort_ms
        if self._nowcasts is None or self._nowcasts[0] != (now, usual):
            self._nowcasts = ((now, usual), list(self._estimated(now, usual)))
        return self._nowcasts[1]

    def _estimated(self, now: int, usual: bool) -> Iterator[tuple[str, Nowcast]]:
        """Only whole cohort widths count, so that nothing changes before the next one is over."""
        width, horizon = self.matured[-1].maturity.cohort_ms, self.matured[-1].maturity.age_ms
        last = horizon // width + 1
        cohorts = {now - start // width - 1: c for start, c in sorted(self._triangles[width].cohorts.items())}
        matured = [c for step, c in cohorts.items() if step >= last] if usual else []
        developed = development(matured, last)
        limits = [0, *(limit for limit in AGE_LIMITS_MS if width <= limit < horizon), horizon]
        for low, high in pairwise(limits):
            # Of a cohort with complete steps 0..s the youngest prediction is s widths old.
            young = {step: c for step, c in cohorts.items() if low <= step * width < high and c.predicted}
            if young:
                yield age_name(low) if low else "0", nowcast(young, developed)

    def alerts(self) -> Iterator[ActiveAlert]:
        for matured in self.matured:
            yield from matured.alerts()
        if self.errors is not None:
            yield from self.errors.alerts()
        yield from self.gap.alerts()

    def snapshot(self) -> dict[str, Any]:
        return {
            "frontier": self._frontier_ms,
            "waiting": self._waiting,
            "triangles": {str(width): triangle.snapshot() for width, triangle in self._triangles.items()},
            "matured": {m.maturity.name: m.snapshot() for m in self.matured},
            "errors": self.errors.snapshot() if self.errors else None,
            "gap": self.gap.snapshot(),
            "weighted": {name: window.snapshot() for name, window in self.weighted.items()},
            "delays": self.delays.snapshot(),
        }

    def restore(self, wire: dict[str, Any]) -> None:
        """What the policy asks for now and did not then starts afresh."""
        self._frontier_ms = wire["frontier"]
        self._waiting = [
            (start, [(cohort, age, dict(tally)) for cohort, age, tally in cells])
            for start, cells in wire["waiting"]
        ]
        for width, triangle in self._triangles.items():
            if str(width) in wire["triangles"]:
                triangle.restore(wire["triangles"][str(width)])
        for matured in self.matured:
            if matured.maturity.name in wire["matured"]:
                matured.restore(wire["matured"][matured.maturity.name])
        if self.errors is not None and wire["errors"] is not None:
            self.errors.restore(wire["errors"])
        self.gap.restore(wire["gap"])
        for name, window in self.weighted.items():
            window.restore(wire["weighted"].get(name, []), Weighted.from_wire)
        self.delays.restore(wire["delays"], LabelAges.from_wire)
