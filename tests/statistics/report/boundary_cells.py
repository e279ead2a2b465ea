"""Cells that are not what they should be, as many as is tolerated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import count

import numpy as np

from report.scene import PANES_PER_DAY, POLICY
from report.worst_case import Alarms, Case, first_declared
from tiltmeter.core.drift.error_rate import STEPS
from tiltmeter.core.drift.rate_bank import RateBank
from tiltmeter.core.expectations import VIOLATIONS, Expectation
from tiltmeter.core.panes.feature_counts import (
    MISSING,
    NONFINITE,
    OK,
    OUT_OF_RANGE,
    STATES,
    TYPE_ERROR,
    FeatureCounts,
)
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.verdicts.budget import Budget
from tiltmeter.core.watch.quality_rates import QualityRates
from tiltmeter.core.watch.quality_watch import QualityWatch

#: A cell is one of these, or usable.
_EXCLUSIVE = [MISSING, TYPE_ERROR, NONFINITE]


def _shares(bad: Sequence[float]) -> list[float]:
    return [*bad, 1.0 - sum(bad)]


def _bank(rates: tuple[float, ...], rows: int) -> Alarms:
    """Rates of a feature's cells (missing, unseen, ...), all at their limits at once."""

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        bank = RateBank(np.array([rates]), STEPS)
        n, phi = np.array([rows]), np.ones(1)
        while True:
            for hits in rng.binomial(rows, rates, size=(200, len(rates))):
                bank.on_pane(n, hits[None], phi)
                yield first_declared(bank.log_evidence(), nominal)

    return alarms


@cache
def _reference(features: int) -> ReferenceProfile:
    columns = {f"x{i}": np.random.default_rng(i).normal(size=100_000) for i in range(features)}
    return build_reference(columns, model="m", version="1", joint=False)


def _every_rate(features: int, rows: int) -> Alarms:
    """All rates that a reference and an expectation give reason to watch, at their limits at once: the real watch."""
    expected = {"x0": Expectation(minimum=0.0)}

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        reference = _reference(features)
        days = nominal / PANES_PER_DAY * Budget.of(POLICY).part("data_quality", "e_sr").share
        tolerances = replace(POLICY.tolerances, warning_days=days)
        watch = QualityWatch(reference, replace(POLICY, tolerances=tolerances, expectations=expected))
        tolerance = tolerances.quality
        known = QualityRates(reference, tuple(expected), tolerance).rates
        allowed = {
            (rate.feature, STATES.index(rate.state)): rate.allowed for rate in known if rate.state in STATES
        }
        wrong = {name: [allowed[name, state] for state in _EXCLUSIVE] for name in reference.features}
        for number in count():
            key = PaneKey(number * POLICY.pane_ms, POLICY.pane_ms, "m", "1", "")
            pane = PredictionPane(key, reference.reference_id, events=rows, weight=rows)
            pane.unknown_features = int(rng.binomial(rows, tolerance))
            pane.expectations["x0"] = rng.multinomial(rows, _shares([tolerance] * len(VIOLATIONS)))[:-1]
            for name in reference.features:
                cells = np.zeros(len(STATES), dtype=np.int64)
                *cells[_EXCLUSIVE], cells[OK] = rng.multinomial(rows, _shares(wrong[name]))
                cells[OUT_OF_RANGE] = rng.binomial(cells[OK], allowed[name, OUT_OF_RANGE])
                pane.features[name] = FeatureCounts(cells)
            yield bool(watch.on_pane(pane))

    return alarms


CASES = (
    Case("e-SR on three cell rates at once, 500 rows", _bank((0.02, 0.05, 0.3), 500), share=0.5),
    Case(
        "data quality, all 18 rates of 3 features and an expectation, 500 rows",
        _every_rate(3, 500),
    ),
)
