"""phi is what it is defined to be, is learned once, and is not spoiled by a step or a slow drift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import orjson
import pytest

from tiltmeter.core.drift.overdispersion import ASSUMED, Overdispersion

PANES = 200
Rates = Callable[[int], np.ndarray]


def _learn(counts: Callable[[int], tuple[int, np.ndarray]], events: int, panes: int = PANES) -> float:
    learner = Overdispersion(1, events, panes)
    for pane in range(panes):
        n, hits = counts(pane)
        learner.on_pane(np.array([n]), hits[None, :])
    assert learner.known.all()
    return float(learner.phi[0])


@pytest.mark.parametrize("copies", [1, 3, 10])
def test_values_that_come_several_times_each_are_over_dispersed_by_as_much(copies: int) -> None:
    rng = np.random.default_rng(1)
    shares = np.arange(1, 32) / 32

    def counts(pane: int) -> tuple[int, np.ndarray]:
        n = int(rng.integers(300, 900))
        values = rng.random(n)
        return n * copies, copies * np.searchsorted(np.sort(values), shares, side="right")

    assert _learn(counts, 31) == pytest.approx(copies, rel=0.4)


def test_one_rate_that_jitters_is_over_dispersed_by_the_textbook_amount() -> None:
    """Var(s) = n p (1-p) + n² v for jitter of variance v: phi = 1 + (n - 1) v / (p (1-p)), about."""
    rng = np.random.default_rng(2)
    n, p, sd = 1_000, 0.08, 0.01

    def counts(pane: int) -> tuple[int, np.ndarray]:
        return n, rng.binomial(n, [np.clip(rng.normal(p, sd), 0, 1)])

    assert _learn(counts, 1, 2_000) == pytest.approx(1 + n * sd**2 / (p * (1 - p)), rel=0.15)


@pytest.mark.parametrize("kind", ["step", "trend"])
def test_neither_a_step_nor_a_trend_is_taken_for_over_dispersion(kind: str) -> None:
    """The step alone would make the distance to the mean 40 times what it is."""
    rng = np.random.default_rng(3)

    def counts(pane: int) -> tuple[int, np.ndarray]:
        p = (0.3 + 0.2 * (pane >= 100)) if kind == "step" else 0.3 + 0.2 * pane / PANES
        return 1_000, rng.binomial(1_000, [p])

    assert _learn(counts, 1) < 2.0


def test_until_it_is_known_much_is_assumed_and_then_it_stays() -> None:
    rng = np.random.default_rng(4)
    learner = Overdispersion(2, 1, 10)
    for pane in range(30):
        n = np.array([100, 100 if pane >= 15 else 0])
        learner.on_pane(n, rng.binomial(n, 0.2)[:, None])
        assert learner.known.tolist() == [pane >= 9, pane >= 24]
        assert (learner.phi[1] == ASSUMED) == (pane < 24)
        if pane == 9:
            first = learner.phi[0]
    assert learner.phi[0] == first


def test_it_may_be_told() -> None:
    learner = Overdispersion(1, 1, 200)
    learner.assume(0, 2.5)
    assert (learner.phi.tolist(), learner.known.tolist()) == ([2.5], [True])
    assert Overdispersion(1, 1, 0).phi.tolist() == [1.0]


def test_what_is_borrowed_is_used_until_it_is_learned_here() -> None:
    rng = np.random.default_rng(6)
    learner = Overdispersion(1, 1, 20)
    learner.borrow(0, 3.0)
    for pane in range(20):
        assert (learner.phi[0], learner.known[0], learner.learned[0]) == (3.0, True, False), pane
        learner.on_pane(np.array([500]), rng.binomial(500, [[0.3]]))
    assert learner.learned[0]
    assert learner.phi[0] < 2.5
    learner.borrow(0, 9.0)
    assert learner.phi[0] < 2.5


def test_what_never_varies_is_not_over_dispersed() -> None:
    assert _learn(lambda pane: (50, np.array([0, 50])), 2) == 1.0


@pytest.mark.parametrize("cut", [0, 1, 5, 9, 10, 12])
def test_a_learner_restored_anywhere_goes_on_bit_for_bit(cut: int) -> None:
    rng = np.random.default_rng(5)
    panes = [(np.array([90, 40]), rng.binomial(40, 0.3, size=(2, 3)).astype(np.int64)) for _ in range(15)]
    whole, first, second = (Overdispersion(2, 3, 10) for _ in range(3))
    for pane in panes:
        whole.on_pane(*pane)
    for pane in panes[:cut]:
        first.on_pane(*pane)
    second.restore(orjson.loads(orjson.dumps(first.snapshot())))
    for pane in panes[cut:]:
        second.on_pane(*pane)
    assert second.snapshot() == whole.snapshot()
