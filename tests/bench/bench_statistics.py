"""What the statistics cost: `python tests/bench/bench_statistics.py` prints a table. Not collected by pytest."""

from __future__ import annotations

import math
from collections.abc import Callable
from timeit import repeat

import numpy as np

from tiltmeter.core.counting.fill_embedding import embed
from tiltmeter.core.counting.fill_joint import JointRows
from tiltmeter.core.drift.adwin import PaneAdwin
from tiltmeter.core.drift.adwin_gate import gate_excess
from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.categorical import at_least, categorical_distance
from tiltmeter.core.drift.category_detector import CategoryDetector
from tiltmeter.core.drift.cdf_detector import CdfDetector
from tiltmeter.core.drift.distances import coarsen, jensen_shannon, psi, wasserstein
from tiltmeter.core.drift.error_rate import STEPS, ErrorRateDetector
from tiltmeter.core.drift.ks import KsBudget, ks_bounds, ks_distance
from tiltmeter.core.drift.mean_discrepancy import mean_discrepancy
from tiltmeter.core.drift.principal_components import reconstruction_error
from tiltmeter.core.drift.rate_bank import RateBank
from tiltmeter.core.drift.second_moments import SecondMomentDetector, correlations, fourth_powers, moments
from tiltmeter.core.panes.histogram import (
    atomic_mask,
    bin_counts,
    counts_and_scores,
    counts_by_search,
    counts_by_sort,
    edges_from_reference,
)
from tiltmeter.core.panes.joint_counts import JointCounts
from tiltmeter.core.panes.packed_counts import pack, unpack
from tiltmeter.core.reference.joint_profile import JointProfile
from tiltmeter.core.reference_building.builder import build_reference

FEATURES = 20
PANES_IN_A_DAY = 1_440


def seconds(call: Callable[[], object], number: int = 200) -> float:
    return min(repeat(call, number=number, repeat=5)) / number


def histograms(rng: np.random.Generator, edges: np.ndarray) -> None:
    print(f"{'values':>8} {'by search':>12} {'by sort':>12}   ns per value")
    for size in (100, 500, 1_000, 4_000, 20_000, 65_000):
        values = rng.normal(size=size)
        search = seconds(lambda values=values: counts_by_search(edges, values), 50)
        sort = seconds(lambda values=values: counts_by_sort(edges, values), 50)
        print(f"{size:>8,} {search / size * 1e9:>12.1f} {sort / size * 1e9:>12.1f}")


def packing(rng: np.random.Generator) -> None:
    print(f"\n{'histograms':>12} {'packed':>12} {'read':>12} {'characters':>12}   ns per bin, 256 bins")
    for together, rows in ((1, 2_000), (FEATURES, 2_000), (FEATURES, 1_000_000)):
        several = list(rng.multinomial(rows, [1 / 256] * 256, size=together))
        texts = pack(several)
        write, read = seconds(lambda h=several: pack(h)), seconds(lambda t=texts: unpack(t))
        bins, long = together * 256, sum(map(len, texts)) / together
        print(f"{together:>12,} {write / bins * 1e9:>12.1f} {read / bins * 1e9:>12.1f} {long:>12.0f}")


def together(rng: np.random.Generator) -> dict[str, Callable[[], object]]:
    """What panes pay for how features go together, per row; returns what a closed pane costs."""
    print(
        f"\n{'':>8} {'histograms':>12} {'and joint':>12} {'products':>12} {'embedding':>12}"
        f"   ns per row, {FEATURES} features; embedding: per sampled row"
    )
    calls: dict[str, Callable[[], object]] = {}
    for features in (FEATURES, 50):
        rows = rng.normal(size=(20_000, features)) + rng.normal(size=(20_000, 1))
        names = [f"x{j:02}" for j in range(features)]
        profile = build_reference(dict(zip(names, rows.T, strict=True)), model="m", version="1")
        joint = profile.joint
        assert joint is not None
        assert joint.embedding is not None
        embedding = joint.embedding
        edges = [profile.features[name].edges for name in names]

        def fill(values: np.ndarray, edges: list = edges, joint: JointProfile = joint) -> JointCounts:
            cells = JointRows(joint, values.shape[1])
            for name, at, row, table in zip(joint.features, edges, values, joint.scores, strict=True):
                cells.put(name, row, counts_and_scores(at, row, table)[1], None)
            return cells.counts()

        def plain(values: np.ndarray, edges: list = edges) -> None:
            for at, row in zip(edges, values, strict=True):
                bin_counts(at, row)

        for size in (100, 1_000, 4_096, 20_000) if features == FEATURES else ():
            values = np.ascontiguousarray(rows[:size].T)
            scores = np.rint(np.clip(values * 32, -127, 127))
            costs = [
                seconds(lambda values=values: plain(values), 20),
                seconds(lambda values=values: fill(values), 20),
                seconds(lambda scores=scores: JointCounts.of(scores, 0), 20),
                seconds(lambda scores=scores, profile=embedding: embed(profile, scores), 20),
            ]
            print(f"{size:>8,}" + "".join(f" {cost / size * 1e9:>12.0f}" for cost in costs))
        pane = fill(np.ascontiguousarray(rows[:2_000].T))
        powers = fourth_powers(joint, [profile.features[name].counts // 10 for name in names])
        sampled = embed(embedding, np.rint(np.clip(rows[:2_000].T * 32, -127, 127)))
        detector = SecondMomentDetector(joint, powers * 10, 0.1, 13.0)
        calls |= {
            f"second-moment e-SR, {features} features": lambda d=detector, p=pane, q=powers: d.on_pane(p, q),
            f"correlations, {features} features": lambda p=pane: correlations(p),
            f"reconstruction error, {features} features": lambda p=pane, j=joint: reconstruction_error(
                moments(p), j.components
            ),
            f"mean discrepancy, {features} features": lambda p=sampled, e=embedding: mean_discrepancy(
                p, e.counts
            ),
        }
    return calls


def main() -> None:
    rng = np.random.default_rng(0)
    reference_values = rng.normal(size=100_000)
    edges = edges_from_reference(reference_values)
    histograms(rng, edges)
    packing(rng)
    joint = together(rng)

    reference, atomic = counts_by_sort(edges, reference_values), atomic_mask(edges)
    window = counts_by_sort(edges, rng.normal(0.1, size=10_000))
    budget = KsBudget(525_600, FEATURES)
    stacked = (
        np.tile(reference, (FEATURES, 1)),
        np.tile(window, (FEATURES, 1)),
        np.tile(atomic, (FEATURES, 1)),
    )
    shares = rng.multinomial(10_000, [0.01] * 100), rng.multinomial(1_000, [0.01] * 100)
    error, loss = ErrorRateDetector(0.1, 13.0), BoundedLossDetector(0.08, 0.06, 13.0)
    adwin = PaneAdwin()
    for s in rng.binomial(1_000, 0.08, PANES_IN_A_DAY).astype(float).tolist():
        adwin.on_pane(1_000, s, s)

    def every_ks() -> float:
        return max(budget.at_least(ks_distance(reference, window, atomic)) for _ in range(FEATURES))

    def every_gauge() -> None:
        for _ in range(FEATURES):
            groups = coarsen(reference, window)
            psi(*groups)
            jensen_shannon(*groups)
            wasserstein(edges, reference, window, -5.0, 5.0)

    def every_category() -> None:
        for _ in range(FEATURES):
            at_least(categorical_distance(*shares), budget)

    cdf = CdfDetector([reference] * FEATURES, (0.05, 0.10), [0.007] * FEATURES)
    one_tolerance = CdfDetector([reference] * FEATURES, (0.05,), [0.007] * FEATURES)
    panes = [counts_by_sort(edges, rng.normal(size=2_000)) for _ in range(FEATURES)]
    seen, independent = cdf.below(panes), np.ones(FEATURES)
    known = {f"{k:02}": 1_000 for k in range(20)}
    categories = CategoryDetector([(known, 0)] * FEATURES, (0.05, 0.10), [0.01] * FEATURES)
    shared = categories.shares([dict.fromkeys(known, 100)] * FEATURES)
    rates = RateBank(np.full((4 * FEATURES + 1, 1), 0.021), STEPS)
    cells = np.full(4 * FEATURES + 1, 2_000), np.full((4 * FEATURES + 1, 1), 20), np.ones(4 * FEATURES + 1)

    calls: dict[str, Callable[[], object]] = {
        f"KS bounds and D_lo, {FEATURES} features one by one": every_ks,
        f"KS bounds, {FEATURES} features stacked": lambda: ks_bounds(*stacked),
        f"categorical bound, {FEATURES} features of 100": every_category,
        f"PSI, JS and Wasserstein, {FEATURES} features": every_gauge,
        f"CDF e-SR, {FEATURES} features, tau .05": lambda: one_tolerance.on_pane(*seen, independent),
        f"CDF e-SR, {FEATURES} features, tau .05 and .10": lambda: cdf.on_pane(*seen, independent),
        f"cumulative counts at the grid, {FEATURES} features": lambda: cdf.below(panes),
        f"bound of all evidence, {FEATURES} features": cdf.bank.bound,
        f"category e-SR, {FEATURES} features of 20, two tau": lambda: categories.on_pane(
            *shared, independent
        ),
        f"cell-state e-SR, {FEATURES} features of 4 states": lambda: rates.on_pane(*cells),
        "error-rate e-SR": lambda: error.on_pane(100, 10),
        "bounded-loss e-SR": lambda: loss.on_pane(100, 6.0, 0.6),
        "PaneAdwin after a day of minutes": lambda: adwin.on_pane(1_000, 80.0, 80.0),
        "ADWIN gate": lambda: gate_excess(adwin.update(), 0.08, 0.02, math.exp(13)),
    }
    calls |= joint
    print(f"\n{'':>48} µs per pane")
    for name, call in calls.items():
        print(f"{name:>48} {seconds(call) * 1e6:>11.1f}")


if __name__ == "__main__":
    main()
