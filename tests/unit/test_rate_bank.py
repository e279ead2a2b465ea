"""Many e-SR detectors side by side are what each would be alone; the CDF and category detectors feed it right."""

from __future__ import annotations

import math

import numpy as np
import orjson
import pytest

from tiltmeter.core.counting.known_categories import OTHER
from tiltmeter.core.drift.attribution import declared
from tiltmeter.core.drift.category_detector import CategoryDetector
from tiltmeter.core.drift.cdf_detector import CdfDetector, grid_borders
from tiltmeter.core.drift.error_rate import STEPS, ErrorRateDetector
from tiltmeter.core.drift.rate_bank import RateBank
from tiltmeter.core.drift.snapshot import SnapshotMismatchError
from tiltmeter.core.panes.histogram import bin_counts, edges_from_reference

MU0 = (0.1, 0.97, 0.02, 0.999, 0.5)


def _panes(seed: int, panes: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(n, hits, phi): sizes from empty over pooled to capped."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(panes):
        n = rng.choice([0, 1, 30, 49, 50, 400, 9_000], size=len(MU0))
        made.append((n, rng.binomial(n, MU0)[:, None], rng.uniform(1, 4, size=len(MU0))))
    return made


def _bank() -> RateBank:
    return RateBank(np.array(MU0)[:, None], STEPS)


def test_each_stream_is_an_error_rate_detector_bit_for_bit() -> None:
    bank, alone = _bank(), [ErrorRateDetector(mu0, 13.0) for mu0 in MU0]
    for n, hits, phi in _panes(1, 200):
        bank.on_pane(n, hits, phi)
        evidence = [
            detector.on_pane(int(n[k]), int(hits[k, 0]), float(phi[k])).log_evidence
            for k, detector in enumerate(alone)
        ]
        assert bank.log_evidence().tolist() == evidence
        assert bool((bank.bound() >= bank.log_evidence()).all())
    assert bank.watching.tolist() == [detector.watching for detector in alone]


@pytest.mark.parametrize("cut", [0, 1, 7, 20])
def test_a_bank_restored_anywhere_goes_on_bit_for_bit(cut: int) -> None:
    panes = _panes(2, 20)
    whole, first, second = _bank(), _bank(), _bank()
    for pane in panes:
        whole.on_pane(*pane)
    for pane in panes[:cut]:
        first.on_pane(*pane)
    second.restore(orjson.loads(orjson.dumps(first.snapshot())))
    for pane in panes[cut:]:
        second.on_pane(*pane)
    assert second.snapshot() == whole.snapshot()


def test_evidence_against_another_null_is_refused() -> None:
    with pytest.raises(SnapshotMismatchError):
        RateBank(np.array(MU0)[:, None] + 0.001, STEPS).restore(_bank().snapshot())


@pytest.mark.parametrize(
    ("n", "hits", "phi"),
    [(100, 101, 1.0), (100, -1, 1.0), (100, 10, 0.5), (100, 10, math.nan), (100, 10, math.inf)],
)
def test_what_cannot_be_is_refused_and_silences_nothing(n: int, hits: int, phi: float) -> None:
    """One NaN in the evidence would be there for ever."""
    bank = RateBank(np.array([[0.1]]), STEPS)
    with pytest.raises(ValueError, match=r"phi|events"):
        bank.on_pane(np.array([n]), np.array([[hits]]), np.array([phi]))
    for _ in range(5):
        bank.on_pane(np.array([1_000]), np.array([[300]]), np.array([1.0]))
    assert bank.log_evidence()[0] > 50


def test_only_the_wanted_streams_are_summed_and_only_one_is_restarted() -> None:
    bank = _bank()
    for pane in _panes(3, 30):
        bank.on_pane(*pane)
    every = bank.log_evidence()
    wanted = np.array([True, False, True, False, False])
    assert bank.log_evidence(wanted).tolist() == [every[0], -math.inf, every[2], -math.inf, -math.inf]
    bank.restart(2)
    assert bank.log_evidence().tolist() == [every[0], every[1], -math.inf, every[3], every[4]]


def test_a_stream_without_alternatives_never_has_evidence() -> None:
    bank = RateBank(np.array([[0.999], [1.0]]), STEPS)
    bank.on_pane(np.array([1_000, 1_000]), np.array([[1_000], [1_000]]), np.ones(2))
    assert bank.log_evidence().tolist() == [-math.inf, -math.inf]
    assert RateBank(np.ones((0, 0)), STEPS).log_evidence().size == 0


def _reference(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    edges = edges_from_reference(values)
    return edges, bin_counts(edges, values)


def test_the_grid_is_the_quantiles_and_fewer_where_there_are_fewer_values() -> None:
    rng = np.random.default_rng(4)
    _, smooth = _reference(rng.normal(size=100_000))
    shares = smooth.cumsum()[grid_borders(smooth)] / smooth.sum()
    assert shares == pytest.approx(np.arange(1, 32) / 32, abs=1 / 256)
    _, coin = _reference(rng.integers(0, 2, 10_000).astype(float))
    assert 1 <= grid_borders(coin).size <= 4
    _, constant = _reference(np.full(1_000, 3.0))
    assert grid_borders(constant).size <= 2
    assert grid_borders(np.array([1_000])).size == 0


def test_counts_below_the_grid_are_those_of_the_raw_values() -> None:
    rng = np.random.default_rng(5)
    features = [rng.normal(size=5_000), rng.integers(0, 3, 5_000).astype(float), np.full(5_000, 2.0)]
    made = [_reference(values) for values in features]
    detector = CdfDetector([counts for _, counts in made], (0.05, 0.1), [0.01] * 3)
    values = [rng.normal(0.3, size=700), rng.integers(0, 3, 600).astype(float), None]
    n, below = detector.below(
        [None if x is None else bin_counts(edges, x) for (edges, _), x in zip(made, values, strict=True)]
    )
    assert n.tolist() == [700, 600, 0]
    for f, x in enumerate(values):
        edges, counts = made[f]
        for g, border in enumerate(grid_borders(counts).tolist()):
            assert below[f, g] == (0 if x is None else np.count_nonzero(x <= edges[border]))


def test_a_mass_point_that_moves_is_seen() -> None:
    _, coin = _reference(np.repeat([0.0, 1.0], [7_000, 3_000]))
    edges, _ = _reference(np.repeat([0.0, 1.0], [7_000, 3_000]))
    detector = CdfDetector([coin], (0.05,), [0.0])
    for _ in range(10):
        moved = bin_counts(edges, np.repeat([0.0, 1.0], [500, 500]))
        detector.on_pane(*detector.below([moved]), np.ones(1))
    assert detector.bank.log_evidence()[0] > 20


def test_categories_are_watched_each_and_the_unseen_ones_together() -> None:
    detector = CategoryDetector([({"a": 600, "b": 400}, 0)], (0.05,), [0.0])
    n, values = detector.shares([{"b": 30, "a": 50, OTHER: 20}])
    assert (n.tolist(), values.tolist()) == ([100], [[50, 30, 20]])
    for _ in range(20):
        detector.on_pane(*detector.shares([{"a": 540, "b": 360, OTHER: 100}]), np.ones(1))
    assert detector.bank.log_evidence()[0] > 20
    calm = CategoryDetector([({"a": 600, "b": 400}, 0)], (0.05,), [0.0])
    for _ in range(200):
        calm.on_pane(*calm.shares([{"a": 570, "b": 390, OTHER: 40}]), np.ones(1))
    assert calm.bank.log_evidence()[0] < 0


def test_a_reference_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="without values"):
        CdfDetector([np.array([0, 0])], (0.05,), [0.0])
    with pytest.raises(ValueError, match="without values"):
        CategoryDetector([({}, 0)], (0.05,), [0.0])


def test_attribution_declares_the_most_that_the_rule_allows() -> None:
    c = math.log(1_000.0)
    assert declared({}, c, 4) == []
    assert declared({"a": c}, c, 4) == []  # alone it needs ln(4000)
    assert declared({"a": c + math.log(4)}, c, 4) == ["a"]
    assert declared({"a": c + math.log(2), "b": c + math.log(2)}, c, 4) == ["a", "b"]
    assert declared({"d": 99.0, "b": c, "c": c, "a": c}, c, 4) == ["d", "a", "b", "c"]  # ties by name
    assert declared({"a": 99.0, "b": c + math.log(1.9)}, c, 4) == ["a"]


def test_whatever_is_declared_the_mean_of_all_evidence_has_reached_the_threshold() -> None:
    """So the family's ARL is the threshold's, for any dependence."""
    rng = np.random.default_rng(6)
    for _ in range(500):
        streams = int(rng.integers(1, 12))
        log_m = {str(k): float(v) for k, v in enumerate(rng.normal(5.0, 2.0, streams))}
        named = declared(log_m, 6.0, streams)
        mean = float(np.mean(np.exp(list(log_m.values()))))
        assert not named or math.log(mean) >= 6.0 - 1e-12
