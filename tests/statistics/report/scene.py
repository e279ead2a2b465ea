"""A model with a reference, and panes for it whose counts are drawn directly.

A pane's histogram of n independent values is multinomial, its errors binomial: drawing the counts gives the
same panes as drawing, emitting and joining the values, a thousand times faster. Everything after the pane is the
real thing: ``build_reference``, ``VersionWatch`` with all its windows, detectors and alerts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson
from scipy.special import ndtr

from tiltmeter.core.panes.feature_counts import OK, FeatureCounts
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import HOUR, MINUTE, ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import NumericFeature, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.version_watch import VersionWatch

FEATURES = 20
#: Values per feature in a pane of a minute.
ROWS = 2_000
#: The default policy, except for panes of a minute (the default of 10 s makes six times as many) and without the
#: longer windows, which only feed gauges.
POLICY = ModelPolicy(pane_ms=MINUTE, windows={"short": ModelPolicy().windows["short"]})
PANES_PER_DAY = int(POLICY.panes_per_day)
#: Panes from which over-dispersion is learned: until then nothing warns.
LEARNING = POLICY.tolerances.learning_panes
#: Panes in the window whose KS distance may alarm.
WINDOW = POLICY.windows[POLICY.detection_window]
_MODEL, _VERSION = "m", "1"


class Inputs:
    """Normal features and their reference of ``rows`` rows."""

    def __init__(self, rng: np.random.Generator, rows: int, features: int = FEATURES) -> None:
        columns = {f"x{i:02d}": rng.normal(size=rows) for i in range(features)}
        # The panes below do not say how features go together, and of a million rows that takes longest.
        self.reference = build_reference(columns, model=_MODEL, version=_VERSION, joint=False)
        profiles = [p for p in self.reference.features.values() if isinstance(p, NumericFeature)]
        self.names = list(self.reference.features)
        self.edges = np.array([p.edges for p in profiles])
        self.counts = np.array([p.counts for p in profiles])
        #: The first thousand rows alone, for rules that treat small references differently.
        self.small = np.array(
            [bin_counts(e, c[:1_000]) for e, c in zip(self.edges, columns.values(), strict=True)]
        )

    def shares(self, shift: float | np.ndarray = 0.0, scale: float = 1.0) -> np.ndarray:
        """float64[features, bins]: the population of each bin after a shift of the mean, in standard deviations."""
        low = ndtr((self.edges - np.broadcast_to(shift, len(self.names))[:, None]) / scale)
        return np.diff(low, axis=1, prepend=0.0, append=1.0)


def true_distance(shift: float | np.ndarray) -> np.ndarray:
    """KS distance of a unit normal moved by ``shift``."""
    return 2.0 * ndtr(np.abs(shift) / 2.0) - 1.0


class Labels:
    """A classifier whose reference saw ``errors`` wrong answers among ``rows``."""

    def __init__(self, rows: int, errors: int) -> None:
        truth = [0] * errors + [1] * (rows - errors)
        self.reference = build_reference(
            {"x": np.zeros(rows)}, model=_MODEL, version=_VERSION, predictions=[1] * rows, labels=truth
        )


@dataclass
class Monitor:
    """The real watch of one version, fed with counts. ``fired`` holds (pane, alert) of every alert that began."""

    reference: ReferenceProfile
    policy: ModelPolicy = POLICY
    pane: int = 0
    fired: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = VersionWatch(self._key(), self.policy, ReferenceBook([self.reference]))

    def _key(self) -> PaneKey:
        return PaneKey(self.pane * self.policy.pane_ms, self.policy.pane_ms, _MODEL, _VERSION, "")

    def on_counts(self, counts: np.ndarray) -> list[dict[str, Any]]:
        """A prediction pane: int64[features, bins]."""
        rows = int(counts[0].sum())
        pane = PredictionPane(self._key(), self.reference.reference_id, events=rows, weight=rows)
        for name, bins in zip(self.reference.features, counts, strict=True):
            cells = np.zeros(6, dtype=np.int64)
            cells[OK] = rows
            pane.features[name] = FeatureCounts(cells, bins)
        return self._judge(pane)

    def on_labels(self, labels: int, errors: int) -> list[dict[str, Any]]:
        """A label pane."""
        pane = LabelPane(self._key())
        confusion = {cell: n for cell, n in {("1", "1"): labels - errors, ("1", "0"): errors}.items() if n}
        cohort = pane.key.start_ms // HOUR * HOUR
        pane.cells[(cohort, 3)] = Outcomes(labels, labels, confusion)
        return self._judge(pane)

    def _judge(self, pane: PredictionPane | LabelPane) -> list[dict[str, Any]]:
        began = [a for a in self.watch.on_pane(pane) if a["transition"] == "firing"]
        self.fired += [(self.pane, alert) for alert in began]
        self.pane += 1
        return began

    def fork(self) -> Monitor:
        """Another one that has seen the same panes."""
        twin = Monitor(self.reference, self.policy, self.pane)
        state = orjson.dumps(
            self.watch.snapshot(), option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
        )
        twin.watch.restore(orjson.loads(state))
        return twin

    def detectors(self) -> set[str]:
        """Which of them say, after the last pane, that the first feature is beyond the smaller τ."""
        features, window = self.watch.features, self.watch.predictions[self.policy.detection_window]
        assert features is not None
        ratios = features.evidence_ratios(window.total)
        return {
            detector
            for detector, name, ratio in ratios
            if name == next(iter(self.reference.features)) and ratio > 1
        }

    def phi(self) -> float:
        """Over-dispersion learned of the first feature; NaN while it is being learned."""
        assert self.watch.features is not None
        return next(iter(self.watch.features.overdispersion().values())) or math.nan

    def count(self, alarm: Alarm) -> int:
        return sum(alarm.is_it(alert) for _, alert in self.fired)

    def unknown(self) -> list[str]:
        """Alerts that no row of :data:`ALARMS` names: they must not get lost."""
        strange = [a for _, a in self.fired if not any(alarm.is_it(a) for alarm in ALARMS.values())]
        return sorted({f"{a['kind']} {a['severity']} {a['detector']}" for a in strange})


@dataclass(frozen=True)
class Alarm:
    """One of our alarms, as a row of the tables."""

    title: str
    kind: str
    severity: str
    detector: str

    def is_it(self, alert: Mapping[str, Any]) -> bool:
        return (alert["kind"], alert["severity"], alert["detector"]) == (
            self.kind,
            self.severity,
            self.detector,
        )


#: A new detector that may alarm is one line here.
ALARMS = {
    "drift": Alarm("a feature beyond τ .05 (info)", "feature_drift", "info", "ks_window+e_sr"),
    "large_drift": Alarm(
        "a feature beyond τ .10, or three beyond .05 (warning)", "feature_drift", "warning", "ks_window+e_sr"
    ),
    "error": Alarm("error-rate e-SR, tolerance .02 (warning)", "performance", "warning", "e_detector"),
    "large_error": Alarm(
        "error-rate e-SR, tolerance .05 (critical)", "performance", "critical", "e_detector"
    ),
    "gate": Alarm("ADWIN gate, tolerance .02 (info, heuristic)", "adwin_gate", "info", "adwin_gate"),
}
ON_FEATURES = ("drift", "large_drift")
ON_LABELS = ("error", "large_error", "gate")


def with_tolerance(tau: float) -> ModelPolicy:
    """The default policy with another KS tolerance, as one would configure it after a good period."""
    return replace(POLICY, tolerances=Tolerances(feature_ks=tau, feature_ks_large=max(2 * tau, 0.10)))
