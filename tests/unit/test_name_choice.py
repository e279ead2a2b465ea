"""Names of categories are chosen by rows that are not counted, so that bounds of what is counted hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from data_sets.halves import halves
from tiltmeter.core.drift.ks import KsBudget
from tiltmeter.core.policy import Tolerances
from tiltmeter.core.reference.profile import CategoricalFeature, Performance, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.reference_building.name_choice import categorical, choosing_rows
from tiltmeter.core.watch.distribution import Distribution
from tiltmeter.core.watch.quality_rates import QualityRates

Shares = np.ndarray[tuple[int], np.dtype[np.float64]]

UNIFORM = np.full(10_000, 1e-4)
ROOT_ZIPF = np.arange(1, 2_001) ** -0.5 / (np.arange(1, 2_001) ** -0.5).sum()
NINETY = np.full(90, 1 / 90)
CASES = pytest.mark.parametrize(
    ("shares", "rows"), [(UNIFORM, 10_000), (ROOT_ZIPF, 5_000), (NINETY, 200)], ids=["uniform", "zipf", "90"]
)
ORDERS = pytest.mark.parametrize("order", ["drawn", "sorted", "in pairs"])
SEEDS = 100


def drawn(shares: Shares, rows: int, seed: int, order: str) -> list[str]:
    found = np.random.default_rng(seed).choice(shares.size, rows, p=shares)
    if order == "sorted":
        found = np.sort(found)
    if order == "in pairs":  # as a file of matched rows: each odd row is of the other half of the categories
        low, high = found[found < shares.size // 2], found[found >= shares.size // 2]
        paired = min(low.size, high.size)
        pairs = np.column_stack([low[:paired], high[:paired]]).ravel()
        found = np.concatenate([pairs, low[paired:], high[paired:]])
    return [f"c{i:05}" for i in found]


def unnamed(shares: Shares, profile: CategoricalFeature) -> float:
    """Their true share."""
    return 1.0 - float(sum(shares[int(name[1:])] for name in profile.categories))


@CASES
@ORDERS
def test_what_the_population_has_beyond_the_names_is_allowed_to_be_unseen(
    shares: Shares, rows: int, order: str
) -> None:
    """The bound alone has a confidence of 99.5 %; what raises an alarm has a tolerance on top."""
    held = tolerated = 0
    for seed in range(SEEDS):
        reference = build_reference({"zip": drawn(shares, rows, seed, order)}, model="m", version="1")
        profile = reference.features["zip"]
        assert isinstance(profile, CategoricalFeature)
        rates = QualityRates(reference, (), tolerance=0.0).rates
        (allowed,) = (rate.allowed for rate in rates if rate.state == "unseen")
        held += allowed >= unnamed(shares, profile)
        tolerated += allowed + Tolerances().quality >= unnamed(shares, profile)
    assert held >= 97
    assert tolerated >= 99


@CASES
@ORDERS
def test_no_share_of_a_reference_is_farther_from_the_population_than_its_margin(
    shares: Shares, rows: int, order: str
) -> None:
    held = 0
    for seed in range(SEEDS):
        profile = categorical(drawn(shares, rows, seed, order))
        margin = Distribution(profile, KsBudget(1_000, 1)).reference_margin
        counted = sum(profile.categories.values()) + profile.other
        off = [abs(n / counted - shares[int(name[1:])]) for name, n in profile.categories.items()]
        held += max(*off, abs(profile.other / counted - unnamed(shares, profile))) <= margin
    assert held >= 99


def test_the_range_of_a_sample_allows_what_lies_outside_it() -> None:
    """The share outside of the range of n uniform values is 1 - range, Beta(2, n - 1)."""
    rng, held, n = np.random.default_rng(0), 0, 500
    for _ in range(2_000):
        values = rng.random(n)
        reference = build_reference({"x": values}, model="m", version="1", joint=False)
        (allowed,) = (r.allowed for r in QualityRates(reference, (), 0.0).rates if r.state == "out_of_range")
        held += np.ptp(values) >= 1 - allowed
    assert allowed == pytest.approx(beta(2, n - 1).ppf(0.995), rel=1e-9)
    assert 1_978 <= held <= 1_999  # 1,990 expected


def test_rows_are_halved_at_random_the_same_for_equal_columns_and_otherwise_for_others() -> None:
    mask = choosing_rows(["a"] * 10_000)
    assert mask.tolist() == choosing_rows(["a"] * 10_000).tolist()
    assert abs(int(mask.sum()) - 5_000) < 200
    assert abs(int((mask[1:] == mask[:-1]).sum()) - 5_000) < 200
    assert abs(int((mask == choosing_rows(["a"] * 9_999 + [None])).sum()) - 5_000) < 200
    assert choosing_rows([]).tolist() == []


def test_a_profile_has_the_names_of_one_half_and_the_counts_of_the_other() -> None:
    cells = [None if i % 7 == 0 else f"c{i * i % 11}" for i in range(300)]
    choosing, counted = halves(cells)
    profile = categorical(cells)
    assert set(profile.categories) == set(choosing) - {None}
    assert dict(profile.categories) == {name: counted.count(name) for name in sorted(profile.categories)}
    assert profile.missing == counted.count(None)
    assert profile.other == sum(cell not in choosing for cell in counted)


@pytest.mark.parametrize("cells", [["a"], ["a", None], [None, "a"], ["a", "b"]])
def test_where_no_row_was_counted_nothing_is_judged(cells: list[str | None]) -> None:
    reference = build_reference({"f": cells}, model="m", version="1")
    profile = reference.features["f"]
    assert isinstance(profile, CategoricalFeature)
    counted = halves(cells)[1]
    assert sum(profile.categories.values()) + profile.other + profile.missing == len(counted)
    empty = all(cell is None for cell in counted)
    assert (Distribution(profile, KsBudget(1_000, 1)).reference_margin == np.inf) == empty
    for rate in QualityRates(reference, (), 0.02).rates:
        assert rate.feature != "f" or rate.state == "type_error" or rate.allowed >= 0.9


def performance_of(labels: list[str]) -> Performance:
    """Read back from JSON; every prediction is "a"."""
    reference = build_reference(
        {"x": [0.0] * len(labels)}, model="m", version="1", predictions=["a"] * len(labels), labels=labels
    )
    performance = ReferenceProfile.from_json(reference.to_json()).performance
    assert performance is not None
    assert performance == reference.performance
    return performance


def test_a_class_that_only_counted_rows_hold_keeps_its_name_and_is_another_class_to_drift() -> None:
    labels, counted = next(
        (labels, counted)
        for place in range(100)
        for labels in [["a"] * place + ["rare"] + ["a"] * (99 - place)]
        for choosing, counted in [halves(labels)]
        if "rare" in counted
    )
    performance = performance_of(labels)
    assert (performance.classes, performance.unchosen_classes) == (("a", "rare"), ("rare",))
    assert performance.class_counts == (len(counted) - 1, 1)
    assert performance.label_profile() == CategoricalFeature({"a": len(counted) - 1}, other=1, missing=0)
    assert (performance.labelled, performance.errors) == (100, 1)


def test_a_reference_of_a_closed_set_of_classes_says_nothing_of_unchosen_ones() -> None:
    performance = performance_of(["a", "b", "c"] * 20)
    assert performance.unchosen_classes == ()
    assert "unchosen_classes" not in performance.to_wire()


def test_unchosen_classes_never_take_the_place_of_chosen_ones() -> None:
    labels = [f"c{i % 150:03}" for i in range(3_000)]
    performance = performance_of(labels)
    choosing, counted = halves(labels)
    frequent = {name: choosing.count(name) for name in set(choosing)} | {"a": 10_000}
    assert len(performance.classes) == 100
    assert performance.unchosen_classes == ()
    assert set(performance.classes) == set(sorted(frequent, key=lambda c: (-frequent[c], c))[:100])
    assert performance.other_classes == sum(label not in performance.classes for label in counted)
