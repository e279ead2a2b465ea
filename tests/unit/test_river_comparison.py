"""River's detectors on the errors of panes: counted, never paging, and absent unless asked for."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
from river import drift

from tiltmeter.core.drift.river_comparison import DETECTORS, MOST_ITEMS, RiverComparison, spread
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.profile import Performance
from tiltmeter.core.watch.performance_watch import PerformanceWatch
from tiltmeter.settings.model import RiverDetector


def pane_of(wrong: int, n: int = 100) -> Outcomes:
    return Outcomes(n, n, {("1", "1"): n - wrong, ("1", "0"): wrong})


@pytest.mark.parametrize(
    ("n", "total"), [(0, 0), (1, 1), (7, 3), (100, 0), (100, 100), (499, 20), (500, 250)]
)
def test_a_pane_is_fed_as_its_labels_with_the_errors_spread_evenly(n: int, total: int) -> None:
    fed = list(spread(n, total))
    assert (len(fed), sum(fed), set(fed) <= {0, 1}) == (n, total, True)
    gaps = np.diff(np.flatnonzero(fed))
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


def test_a_large_pane_is_fed_in_proportion() -> None:
    fed = list(spread(25_000, 5_000))
    assert (len(fed), sum(fed)) == (MOST_ITEMS, MOST_ITEMS // 5)
    assert sum(spread(1_000, 333.4)) == 167


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_of_river_can_be_compared(name: str) -> None:
    """Errors .05 → .6. EDDM and FHDDM may stay calm or not; all of them run, and none is fed anything else."""
    rng = np.random.default_rng(0)
    comparison = RiverComparison([name])
    for rate in [0.05] * 40 + [0.6] * 40:
        comparison.on_pane(100, int(rng.binomial(100, rate)))
    assert comparison.drifts[name] >= (name not in ("EDDM", "FHDDM"))


def test_the_count_is_that_of_river_s_own_detector_on_the_same_items() -> None:
    rng = np.random.default_rng(1)
    errors = rng.binomial(100, [0.1] * 60 + [0.3] * 60 + [0.05] * 60).tolist()
    comparison, alone, found = RiverComparison(["ADWIN"]), drift.ADWIN(), 0
    for wrong in errors:
        comparison.on_pane(100, wrong)
        for value in spread(100, wrong):
            alone.update(value)
            found += alone.drift_detected
    assert comparison.drifts == {"ADWIN": found}
    assert found >= 2


def test_it_is_counted_by_the_watch_and_pages_nobody() -> None:
    watch = PerformanceWatch(ModelPolicy(compare=("ADWIN", "DDM")))
    alone = PerformanceWatch(ModelPolicy())
    told = []
    for each in (watch, alone):
        each.compare_with(Performance("classification", labelled=20_000, errors=1_000))
        panes = [pane_of(5)] * 30 + [pane_of(50)] * 30
        told.append(
            [a for i, pane in enumerate(panes) for a in each.on_pane(PaneKey(i, 1, "m", "1", ""), pane)]
        )
    assert told[0] == told[1]
    assert watch.comparison is not None
    assert watch.comparison.drifts["ADWIN"] >= 1
    assert alone.comparison is None


def test_it_begins_anew_after_a_restart() -> None:
    watch = PerformanceWatch(ModelPolicy(compare=("ADWIN",)))
    for i in range(60):
        watch.on_pane(PaneKey(i, 1, "m", "1", ""), pane_of(5 if i < 30 else 60))
    again = PerformanceWatch(ModelPolicy(compare=("ADWIN",)))
    again.restore(watch.snapshot())
    assert watch.comparison is not None
    assert again.comparison is not None
    assert (watch.comparison.drifts["ADWIN"] > 0, again.comparison.drifts) == (True, {"ADWIN": 0})


def test_what_may_be_configured_is_what_there_is() -> None:
    assert set(get_args(RiverDetector)) == DETECTORS.keys()


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(ValueError, match="no detector ADWINX; known are ADWIN"):
        RiverComparison(["ADWINX"])


def test_river_is_not_imported_unless_a_model_asks() -> None:
    code = """
import sys
from tiltmeter.core.watch.performance_watch import PerformanceWatch
from tiltmeter.core.policy import ModelPolicy
PerformanceWatch(ModelPolicy())
assert "river" not in sys.modules
PerformanceWatch(ModelPolicy(compare=("ADWIN",)))
assert "river" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
