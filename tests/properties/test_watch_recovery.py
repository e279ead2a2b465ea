"""An alert ends when what came since its onset proves health, however long the trouble was (semantics 28).

loss  ▁▁▁▁▁████████▄▄▄▄▄▄▄▄▄▄▄▁▁▁▁▁▁▁        ▄ too much for warning, not for critical
warning     ┌─────────────────────┐
critical    ┌──────────┐
"""

from __future__ import annotations

import numpy as np

from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.profile import NumericFeature, Performance
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.feature_watch import FeatureWatch
from tiltmeter.core.watch.performance_watch import PerformanceWatch

POLICY = ModelPolicy(pane_ms=10_000, tolerances=Tolerances(clear_panes=3, learning_panes=0))
LABELS = 500


def alerts_of(rates: list[float]) -> list[tuple[str, str, int]]:
    """(severity, transition, pane) for panes with these error rates; the reference errs at 5 %."""
    watch = PerformanceWatch(POLICY)
    watch.compare_with(Performance("classification", labelled=20_000, errors=1_000))
    told = []
    for pane, rate in enumerate(rates):
        wrong = round(LABELS * rate)
        outcomes = Outcomes(LABELS, LABELS, {("1", "1"): LABELS - wrong, ("1", "0"): wrong})
        told += [
            (alert["severity"], alert["transition"], pane)
            for alert in watch.on_pane(PaneKey(pane * 10_000, 10_000, "m", "1", ""), outcomes)
            if alert["kind"] == "performance"
        ]
    return told


def pane_of(told: list[tuple[str, str, int]], severity: str, transition: str) -> int:
    return next(pane for s, t, pane in told if (s, t) == (severity, transition))


def test_a_long_trouble_is_over_as_fast_as_a_short_one() -> None:
    for bad in (10, 400):
        told = alerts_of([0.05] * 5 + [0.4] * bad + [0.04] * 40)
        for severity in ("warning", "critical"):
            assert pane_of(told, severity, "firing") < 10
            assert 5 + bad < pane_of(told, severity, "resolved") < 5 + bad + 20
        assert len(told) == 4


def test_critical_ends_although_warning_goes_on() -> None:
    told = alerts_of([0.05] * 5 + [0.4] * 20 + [0.09] * 60)
    assert 25 < pane_of(told, "critical", "resolved") < 60
    assert ("warning", "resolved") not in {(severity, transition) for severity, transition, _ in told}


def test_a_large_drift_that_becomes_a_small_one_leaves_the_small_alert() -> None:
    rng = np.random.default_rng(3)
    reference = build_reference({"x": rng.normal(size=200_000)}, model="m", version="1")
    feature = reference.features["x"]
    assert isinstance(feature, NumericFeature)
    watch = FeatureWatch(reference, POLICY)
    key = PaneKey(0, 10_000, "m", "1", "")
    window: Window[PredictionPane] = Window(6, 10_000, lambda: PredictionPane(key, reference.reference_id))
    told: list[tuple[str, str, int]] = []
    for number, shift in enumerate([0.0] * 5 + [1.5] * 10 + [0.2] * 40):  # KS .55, then .08
        pane = PredictionPane(replace_start(key, number), reference.reference_id, events=20_000)
        counts = bin_counts(feature.edges, rng.normal(shift, size=20_000))
        pane.features["x"] = FeatureCounts(np.array([20_000, 0, 0, 0, 0, 0]), counts)
        window.add(pane.key.start_ms, pane)
        told += [(a["severity"], a["transition"], number) for a in watch.on_pane(pane, window)]
    assert 15 < pane_of(told, "warning", "resolved") < 50
    assert ("info", "resolved") not in {(severity, transition) for severity, transition, _ in told}


def replace_start(key: PaneKey, number: int) -> PaneKey:
    return key._replace(start_ms=number * key.width_ms)
