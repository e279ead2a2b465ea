"""e-values are e-values, and a detector restored at any point goes on bit for bit."""

from __future__ import annotations

import math

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.error_rate import STEPS, ErrorRateDetector
from tiltmeter.core.drift.tempering import tempering

panes = st.lists(
    st.integers(0, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=30
)


@given(panes, st.data())
def test_an_error_detector_restored_anywhere_goes_on_bit_for_bit(
    panes: list[tuple[int, int]], data: st.DataObject
) -> None:
    whole = ErrorRateDetector(0.1, 5.0)
    uninterrupted = [whole.on_pane(*pane, phi=1.5) for pane in panes]
    cut = data.draw(st.integers(0, len(panes)))
    first, second = ErrorRateDetector(0.1, 5.0), ErrorRateDetector(0.1, 5.0)
    answers = [first.on_pane(*pane, phi=1.5) for pane in panes[:cut]]
    second.restore(orjson.loads(orjson.dumps(first.snapshot())))
    answers += [second.on_pane(*pane, phi=1.5) for pane in panes[cut:]]
    assert answers == uninterrupted
    assert second.snapshot() == whole.snapshot()


@given(panes, st.data())
def test_a_loss_detector_restored_anywhere_goes_on_bit_for_bit(
    panes: list[tuple[int, int]], data: st.DataObject
) -> None:
    sums = [(n, s * 0.7, s * 0.49) for n, s in panes]
    whole = BoundedLossDetector(0.1, 0.08, 5.0)
    uninterrupted = [whole.on_pane(*pane) for pane in sums]
    cut = data.draw(st.integers(0, len(sums)))
    first, second = BoundedLossDetector(0.1, 0.08, 5.0), BoundedLossDetector(0.1, 0.08, 5.0)
    answers = [first.on_pane(*pane) for pane in sums[:cut]]
    second.restore(orjson.loads(orjson.dumps(first.snapshot())))
    answers += [second.on_pane(*pane) for pane in sums[cut:]]
    assert answers == uninterrupted
    assert second.snapshot() == whole.snapshot()


@given(st.floats(0.005, 0.6), st.floats(0.0, 1.0), st.integers(1, 60), st.floats(1.0, 8.0))
def test_every_error_alternative_has_mean_at_most_one_under_the_null(
    mu0: float, share: float, n: int, phi: float
) -> None:
    """Summed over all outcomes of n trials with probability share * mu0 ≤ mu0, tempered."""
    p, w = share * mu0, tempering(n, phi)
    for step in STEPS:
        q = mu0 + step
        if q >= 1:
            continue
        mean = math.fsum(
            math.comb(n, s) * p**s * (1 - p) ** (n - s)
            * math.exp(w * (s * math.log(q / mu0) + (n - s) * math.log((1 - q) / (1 - mu0))))
            for s in range(n + 1)
        )  # fmt: skip
        assert mean <= 1 + 1e-9


@given(st.lists(st.tuples(st.integers(50, 400), st.floats(0.0, 1.0)), min_size=1, max_size=10))
def test_more_errors_are_never_less_evidence(panes: list[tuple[int, float]]) -> None:
    fewer, more = ErrorRateDetector(0.1, 5.0), ErrorRateDetector(0.1, 5.0)
    for n, share in panes:
        errors = int(share * (n - 1))
        low, high = fewer.on_pane(n, errors), more.on_pane(n, errors + 1)
        assert high.log_evidence >= low.log_evidence
