"""Outcomes in different units add up exactly, in any order."""

from __future__ import annotations

import itertools

import numpy as np
import orjson

from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.core.performance.regression import mae, r2, rmse

ERRORS = ((3.0, 10.0), (-1.5, 12.0), (0.25, 7.0))


def _one(error: float, target: float, unit: float) -> Outcomes:
    terms = {
        "scored": 1.0 / (1 << 20),
        "error": error / unit,
        "absolute_error": abs(error) / unit,
        "squared_error": (error / unit) ** 2,
        "target": target / unit,
        "squared_target": (target / unit) ** 2,
    }
    return Outcomes(n=1, weight=1, sums=[round(terms.get(name, 0.0) * (1 << 20)) for name in SUMS], unit=unit)


def _sum(*parts: Outcomes) -> Outcomes:
    total = Outcomes()
    for part in parts:
        total.add(part)
    return total


def test_the_unit_of_a_part_changes_no_metric() -> None:
    plain = _sum(*(_one(e, t, 1.0) for e, t in ERRORS))
    mixed = _sum(*(_one(e, t, unit) for (e, t), unit in zip(ERRORS, (4.0, 0.5, 64.0), strict=True)))
    assert (mae(mixed), rmse(mixed), r2(mixed)) == (mae(plain), rmse(plain), r2(plain))


def test_the_order_of_addition_does_not_matter() -> None:
    parts = [_one(e, t, unit) for (e, t), unit in zip(ERRORS, (4.0, 0.5, 64.0), strict=True)]
    totals = [_sum(*order).to_wire() for order in itertools.permutations(parts)]
    assert all(total == totals[0] for total in totals)


def test_what_is_taken_out_again_leaves_nothing() -> None:
    total = _sum(_one(3.0, 10.0, 4.0), _one(1.0, 5.0, 0.25))
    total.add(_one(3.0, 10.0, 4.0), sign=-1)
    total.add(_one(1.0, 5.0, 0.25), sign=-1)
    assert total.n == 0
    assert not any(total.sums)


def test_the_wire_form_keeps_the_unit() -> None:
    part = _one(3.0, 10.0, 4.0)
    assert Outcomes.from_wire(part.to_wire()) == part


def test_a_pane_written_before_newer_sums_existed_is_written_again_in_the_same_bytes() -> None:
    """A worker that takes over sends panes of its predecessor again: a copy must not look like a conflict."""
    before = {
        "n": 3,
        "weight": 3,
        "unit": 1.0,
        "confusion": [["1", "0", 3]],
        "sums": [3, 5, 7, 0, 0, 0, 0, 0, 0, 0, 0],
    }
    assert Outcomes.from_wire(before).to_wire() == before


def test_everything_optional_survives_the_wire() -> None:
    part = _one(3.0, 10.0, 4.0)
    part.sums[SUMS.index("capped_error")] = -5
    part.scores = ScoreCounts.of(np.array([0.2, 0.9]), np.array([False, True]))
    part.residuals = {3: 2, 0: 1}
    part.targets = {255: 1, 7: 2}
    assert Outcomes.from_wire(orjson.loads(orjson.dumps(part.to_wire()))) == part
    total = Outcomes()
    total.add(part)
    total.add(part, sign=-1)
    assert total == Outcomes(unit=4.0)


def test_a_corrected_label_leaves_its_bin_for_another() -> None:
    first, corrected = Outcomes(targets={3: 1}), Outcomes(targets={5: 1})
    change = Outcomes()
    change.amend(corrected)
    change.amend(first, sign=-1)
    assert change.to_wire()["targets"] == [(3, -1), (5, 1)]
    total = _sum(Outcomes(targets={3: 4, 5: 1}), Outcomes.from_wire(change.to_wire()))
    assert total.targets == {3: 3, 5: 2}


def test_what_forgets_the_classes_keeps_errors_and_labels() -> None:
    part = Outcomes(n=1, residuals={3: 1}, targets={5: 1})
    assert part.right_or_wrong() == part
