"""What a user expects of a feature: every cell is judged once, by the first breach, with or without a reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.counting.fill_predictions import fill_pane
from tiltmeter.core.expectations import VIOLATIONS, Expectation, count_violations
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.events.cell_column import cell_column
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.decode import decode_predictions

CELLS = [5, -1, 11.5, None, "DE", "XX", True, [1], {"a": 1}, 0, 10, float("inf")]


def broken(expectation: Expectation, cells: list[Any]) -> dict[str, int]:
    counts = expectation.violations(cell_column(cells), np.arange(len(cells)))
    return {name: n for name, n in zip(VIOLATIONS, counts.tolist(), strict=True) if n}


@pytest.mark.parametrize(
    ("expectation", "found"),
    [
        pytest.param(Expectation(required=True), {"missing": 2, "wrong_type": 2}, id="required"),
        pytest.param(
            Expectation(minimum=0, maximum=10), {"below": 1, "above": 1, "wrong_type": 5}, id="range"
        ),
        pytest.param(Expectation(minimum=0), {"below": 1, "wrong_type": 5}, id="minimum only"),
        pytest.param(
            Expectation(allowed=("DE", "true", 5.0, 0.0)), {"wrong_type": 2, "not_allowed": 4}, id="allowed"
        ),
        pytest.param(
            Expectation(0, 10, required=True, allowed=("DE", 5.0)),
            {"missing": 2, "wrong_type": 5, "below": 1, "above": 1, "not_allowed": 2},
            id="everything, each cell once",
        ),
    ],
)
def test_each_cell_breaks_at_most_one_expectation(expectation: Expectation, found: dict[str, int]) -> None:
    assert broken(expectation, CELLS) == found
    assert sum(found.values()) <= len(CELLS)


def test_a_feature_that_no_event_carries_is_missing_everywhere_if_it_is_required() -> None:
    rows = np.arange(7)
    assert Expectation(required=True).violations(None, rows).tolist() == [7, 0, 0, 0, 0]
    assert Expectation(minimum=0).violations(None, rows).tolist() == [0, 0, 0, 0, 0]


def test_counts_do_not_depend_on_how_rows_are_cut() -> None:
    rng = np.random.default_rng(7)
    cells = [CELLS[i] for i in rng.integers(0, len(CELLS), 500)]
    features = {"a": cell_column(cells)}
    expected = {"a": Expectation(0, 10, True, ("DE", 5.0)), "b": Expectation(required=True)}
    whole = count_violations(expected, features, np.arange(500))
    cuts = np.split(np.arange(500), np.sort(rng.integers(0, 500, 9)))
    parts = [count_violations(expected, features, part) for part in cuts]
    for name in expected:
        assert sum(part[name] for part in parts).tolist() == whole[name].tolist()


def test_expectations_need_no_reference_and_failed_predictions_are_not_judged() -> None:
    events = [
        {"prediction_id": str(i), "model": "m", "version": "1", "at": 1_000 + i, "prediction": 1}
        | {"features": {"age": age}}
        | ({"status": "error"} if i == 3 else {})
        for i, age in enumerate([17, 18, None, 5, "old"])
    ]
    records = [LogRecord(i, 1_000, b"k", orjson.dumps(event)) for i, event in enumerate(events)]
    columns, rejected = decode_predictions(records)
    assert not rejected
    (group,) = columns.groups
    pane = fill_pane(
        PaneKey(0, 10_000, "m", "1", ""),
        columns,
        group,
        np.arange(group.rows.size),
        None,
        expected={"age": Expectation(minimum=18, required=True)},
    )
    assert pane.to_wire()["expectations"] == {"age": [1, 1, 1, 0, 0]}
    assert pane.features == {}
