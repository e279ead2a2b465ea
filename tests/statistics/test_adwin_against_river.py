"""PaneAdwin on panes against river's ADWIN on every item: the same delay, no more false cuts.

The streams are the error indicators of frozen models on the classic generators: 10,000 clean labels, an abrupt
switch, 5,000 drifted labels, at the error rates measured there.
"""

from __future__ import annotations

import numpy as np
import pytest
from river.drift import ADWIN

from tiltmeter.core.drift.adwin import PaneAdwin
from tiltmeter.core.drift.adwin_gate import gate_excess

CLEAN, DRIFTED, PANE, SEEDS = 10_000, 5_000, 50, 8
ANCHORS = {
    "SEA 0-3": (0.118, 0.222),
    "Agrawal 0-1": (0.072, 0.527),
    "Agrawal 2-3": (0.122, 0.529),
    "STAGGER": (0.109, 0.554),
    "Sine": (0.062, 0.938),
    "Mixed": (0.081, 0.920),
}


def by_items(errors: np.ndarray) -> tuple[int, int]:
    """(false cuts, labels from the switch to the first cut)."""
    river, false = ADWIN(delta=0.002), 0
    for i, error in enumerate(errors.tolist(), 1):
        river.update(error)
        if river.drift_detected:
            if i > CLEAN:
                return false, i - CLEAN
            false += 1
    return false, DRIFTED


def by_panes(errors: np.ndarray) -> tuple[int, int]:
    adwin, false = PaneAdwin(delta=0.002), 0
    for i, total in enumerate(errors.reshape(-1, PANE).sum(axis=1).astype(float).tolist(), 1):
        if adwin.on_pane(PANE, total, total).cut:
            if i * PANE > CLEAN:
                return false, i * PANE - CLEAN
            false += 1
    return false, DRIFTED


@pytest.mark.parametrize("name", ANCHORS)
def test_delay_and_false_cuts_are_rivers(name: str) -> None:
    before, after = ANCHORS[name]
    items, panes = [], []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        errors = (rng.random(CLEAN + DRIFTED) < np.repeat([before, after], [CLEAN, DRIFTED])).astype(np.int64)
        items.append(by_items(errors))
        panes.append(by_panes(errors))
    false_items, delay_items = np.array(items).T
    false_panes, delay_panes = np.array(panes).T
    assert false_panes.sum() <= max(false_items.sum(), 1)
    assert np.median(delay_panes) <= 1.3 * np.median(delay_items) + PANE


def wobbling(kind: str, panes: int, rng: np.random.Generator) -> np.ndarray:
    """Error rates around .08 with nothing wrong."""
    if kind == "jitter":
        return 0.08 + rng.normal(0, 0.01, panes)
    if kind == "daily":
        return 0.08 + 0.015 * np.sin(2 * np.pi * np.arange(panes) / 1_440)
    if kind == "autocorrelated":
        noise = rng.normal(0, 0.01 * np.sqrt(1 - 0.95**2), panes)
        for i in range(1, panes):
            noise[i] += 0.95 * noise[i - 1]
        return 0.08 + noise
    return np.full(panes, 0.08)


@pytest.mark.parametrize("kind", ["iid", "jitter", "daily", "autocorrelated"])
def test_ten_days_of_wobble_open_the_gate_at_most_once_and_a_real_rise_does_within_minutes(kind: str) -> None:
    rng = np.random.default_rng(11)
    adwin, opened, was_open = PaneAdwin(), 0, False
    calm = wobbling(kind, 14_400, rng)
    for total in rng.binomial(1_000, calm.clip(0, 1)).astype(float).tolist():
        is_open = gate_excess(adwin.on_pane(1_000, total, total), 0.085, 0.02, 525_600) > 0
        opened += is_open and not was_open
        was_open = is_open
    assert opened <= 1
    delay = 0
    for rate in wobbling(kind, 60, rng) + 0.07:
        delay += 1
        total = float(rng.binomial(1_000, rate))
        if gate_excess(adwin.on_pane(1_000, total, total), 0.085, 0.02, 525_600) > 0:
            break
    assert delay <= 5
