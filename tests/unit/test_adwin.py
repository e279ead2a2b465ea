"""PaneAdwin and its gate, pane by pane."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tiltmeter.core.drift.adwin import AdwinUpdate, PaneAdwin
from tiltmeter.core.drift.adwin_gate import gate_excess

MINUTE = 60_000


def feed(adwin: PaneAdwin, n: int, rates: np.ndarray, rng: np.random.Generator) -> list[AdwinUpdate]:
    counts = rng.binomial(n, rates).astype(float)
    return [adwin.on_pane(n, s, s, i * MINUTE) for i, s in enumerate(counts.tolist())]


def cuts(updates: list[AdwinUpdate]) -> list[AdwinUpdate]:
    return [update for update in updates if update.cut is not None]


def test_before_any_data_there_is_no_mean() -> None:
    for update in (PaneAdwin().update(), PaneAdwin().on_pane(0, 0.0, 0.0)):
        assert (update.width, update.panes, update.cut) == (0, 0, None)
        assert math.isnan(update.mean)
        assert math.isnan(gate_excess(update, 0.1, 0.02, 1_000))


def test_without_change_the_window_is_everything() -> None:
    rng = np.random.default_rng(0)
    counts = rng.binomial(100, 0.1, 1_000).astype(float)
    adwin = PaneAdwin()
    for s in counts.tolist():
        update = adwin.on_pane(100, s, s)
    assert (update.width, update.panes) == (100_000, 1_000)
    assert update.mean == counts.sum() / 100_000
    assert update.item_variance == pytest.approx(update.mean * (1 - update.mean), rel=1e-9)


def test_memory_is_logarithmic() -> None:
    adwin = PaneAdwin()
    for i in range(5_000):
        adwin.on_pane(10, 1.0, 1.0, i)
    assert len(adwin.snapshot()["buckets"]) <= 5 * 13


@pytest.mark.parametrize(("before", "after", "direction"), [(0.08, 0.15, "up"), (0.15, 0.05, "down")])
def test_a_cut_tells_direction_both_means_and_the_time_of_the_change(
    before: float, after: float, direction: str
) -> None:
    """
    panes     0 ............. 300 ...... 350
    rate      before          after
    """
    rng = np.random.default_rng(1)
    updates = feed(PaneAdwin(), 500, np.repeat([before, after], [300, 50]), rng)
    first = cuts(updates)[0]
    assert len(cuts(updates)) <= 2
    assert first.cut == direction
    assert first.before == pytest.approx(before, abs=0.01)
    assert first.after == pytest.approx(after, abs=0.03)
    assert first.change_point_ms is not None
    assert abs(first.change_point_ms - 300 * MINUTE) <= 2 * MINUTE
    assert updates[-1].mean == pytest.approx(after, abs=0.01)
    assert updates[-1].panes <= 52


def test_empty_panes_change_nothing() -> None:
    adwin = PaneAdwin()
    for i in range(50):
        adwin.on_pane(100, 10.0, 10.0, i)
    before = adwin.snapshot()
    assert adwin.on_pane(0, 0.0, 0.0, 51) == adwin.update()
    assert adwin.snapshot() == before


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 101.0])
def test_one_bad_sum_never_silences(bad: float) -> None:
    """After one NaN, river's ADWIN answers NaN and detects nothing for ever."""
    rng = np.random.default_rng(2)
    adwin = PaneAdwin()
    feed(adwin, 100, np.full(200, 0.08), rng)
    before = adwin.snapshot()
    for total, squares in ((bad, 5.0), (5.0, bad)):
        with pytest.raises(ValueError, match="cannot sum"):
            adwin.on_pane(100, total, squares)
    assert adwin.snapshot() == before
    assert cuts(feed(adwin, 100, np.full(30, 0.3), rng))


def test_real_losses_use_their_own_variance() -> None:
    rng = np.random.default_rng(3)
    adwin = PaneAdwin()
    for mean, panes in ((0.10, 200), (0.12, 40)):
        for losses in rng.normal(mean, 0.02, size=(panes, 100)).clip(0, 1):
            update = adwin.on_pane(100, float(losses.sum()), float((losses**2).sum()))
    assert update.mean == pytest.approx(0.12, abs=0.002)
    assert update.item_variance == pytest.approx(0.0004, rel=0.1)


def test_the_gate_is_one_sided() -> None:
    rng = np.random.default_rng(4)
    for rate, opens in ((0.15, True), (0.09, False), (0.02, False)):
        adwin = PaneAdwin()
        window = feed(adwin, 1_000, np.repeat([0.08, rate], [200, 30]), rng)[-1]
        assert (gate_excess(window, 0.085, 0.02, 525_600) > 0) is opens


def test_over_dispersion_holds_the_gate_back() -> None:
    window = AdwinUpdate(mean=0.13, width=5_000, panes=5, item_variance=0.11, variance=0.11)
    assert gate_excess(window, 0.085, 0.02, 525_600) > gate_excess(window, 0.085, 0.02, 525_600, phi=3.0)


@pytest.mark.parametrize("delta", [0.0, 1.0, math.nan])
def test_an_impossible_delta_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match="delta"):
        PaneAdwin(delta)
