"""How features go together: the reference's joint profile, and what panes count of it."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import orjson
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata, spearmanr

from tiltmeter.core.counting.fill_joint import distances
from tiltmeter.core.counting.fill_predictions import fill_pane
from tiltmeter.core.drift.principal_components import eigenvectors, main_components, reconstruction_error
from tiltmeter.core.drift.second_moments import correlations, moments, pair_names, pairs
from tiltmeter.core.panes.histogram import bin_counts, counts_and_scores, edges_from_reference
from tiltmeter.core.panes.joint_counts import LARGEST, ONE, JointCounts, upper_triangle
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.reference.joint_profile import JointProfile
from tiltmeter.core.reference.profile import ReferenceFormatError, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.decode import decode_predictions

KEY = PaneKey(0, 10_000, "m", "1", "")
Float = np.ndarray


def correlated(rng: np.random.Generator, rows: int, features: int = 4, share: float = 0.6) -> Float:
    """Normal columns, every two of them with correlation ``share``."""
    common = rng.normal(size=(rows, 1)) * math.sqrt(share)
    return common + rng.normal(size=(rows, features)) * math.sqrt(1 - share)


def reference(rows: Float, **more: Any) -> ReferenceProfile:
    columns = {f"x{j}": rows[:, j] for j in range(rows.shape[1])}
    return build_reference({**columns, **more}, model="m", version="1")


def joint_of(profile: ReferenceProfile) -> JointProfile:
    assert profile.joint is not None
    return profile.joint


def pane_of(profile: ReferenceProfile, cells: list[dict[str, Any]]) -> PredictionPane:
    """The pane of these events, as the join makes it from their bytes."""
    event = {"model": "m", "version": "1", "at": 1, "prediction": 0}
    log = [
        LogRecord(i, -1, None, orjson.dumps({**event, "prediction_id": str(i), "features": features}))
        for i, features in enumerate(cells)
    ]
    columns, rejected = decode_predictions(log)
    assert not rejected
    pane = PredictionPane(KEY, profile.reference_id)
    for group in columns.groups:
        pane.add(fill_pane(KEY, columns, group, np.arange(group.rows.size), profile))
    return pane


def events(rows: Float) -> list[dict[str, Any]]:
    return [{f"x{j}": value for j, value in enumerate(row)} for row in rows.tolist()]


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    return reference(correlated(np.random.default_rng(1), 5_000))


# The reference -----------------------------------------------------------------------------------------------


def test_scores_are_standardised_normal_quantiles_of_mid_ranks() -> None:
    rng = np.random.default_rng(2)
    rows = np.column_stack([rng.poisson(3, 4_000), rng.normal(size=4_000)]).astype(float)
    joint = joint_of(reference(rows))
    for j in range(2):
        edges = edges_from_reference(rows[:, j])
        place = np.searchsorted(edges, rows[:, j])
        ranks = rankdata(place)  # mid-ranks of bins
        expected = ndtri((ranks - 0.5) / ranks.size)
        expected = (expected - expected.mean()) / expected.std()
        assert joint.scores[j][place] / ONE == pytest.approx(expected, abs=0.5 / ONE + 1e-9)


def test_the_reference_s_correlations_are_those_of_normal_scores() -> None:
    rng = np.random.default_rng(3)
    rows = correlated(rng, 20_000, 3)
    joint = joint_of(reference(np.exp(rows)))  # a monotone change of scale changes no rank
    normal = np.corrcoef(np.apply_along_axis(lambda x: ndtri((rankdata(x) - 0.5) / x.size), 0, rows).T)
    found = correlations(joint.counts)
    assert found == pytest.approx(normal[np.triu_indices(3, 1)], abs=0.003)
    assert found[0] == pytest.approx(
        2 * math.sin(math.pi / 6 * spearmanr(rows[:, 0], rows[:, 1])[0]), abs=0.01
    )
    assert pair_names(joint.features, 1) == ("x0", "x2")


def test_without_a_joint_profile_a_reference_of_numbers_has_the_id_it_always_had() -> None:
    columns = {
        "x": [float(i % 50) for i in range(500)],
        "y": [float(i * i % 77) for i in range(500)],
    }
    plain = build_reference(columns, model="m", version="1", joint=False)
    assert plain.reference_id == "ref-e9bc48340188"
    assert b"joint" not in plain.to_json()
    assert ReferenceProfile.from_json(plain.to_json()).joint is None
    assert build_reference(columns, model="m", version="1").reference_id != plain.reference_id


def test_a_joint_profile_survives_its_document(profile: ReferenceProfile) -> None:
    again = ReferenceProfile.from_json(profile.to_json())
    assert again.to_json() == profile.to_json()
    assert joint_of(again).components.shape == joint_of(profile).components.shape


def test_neither_the_order_of_columns_nor_of_rows_changes_the_profile() -> None:
    rows = correlated(np.random.default_rng(4), 1_000, 3)
    forwards = build_reference({f"x{j}": rows[:, j] for j in range(3)}, model="m", version="1")
    backwards = build_reference({f"x{j}": rows[::-1, j] for j in (2, 0, 1)}, model="m", version="1")
    assert forwards.reference_id == backwards.reference_id


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda joint: joint["scores"][0].pop(), "scores of x0 do not fit"),
        (lambda joint: joint["scales"].pop(), "tables, sums, centres"),
        (lambda joint: joint["features"].__setitem__(0, "unheard of"), "unheard of"),
        (lambda joint: joint.pop("threshold"), "threshold"),
    ],
    ids=["table", "scales", "name", "threshold"],
)
def test_a_profile_whose_parts_do_not_fit_is_refused(
    damage: Any, message: str, profile: ReferenceProfile
) -> None:
    wire = orjson.loads(profile.to_json())
    damage(wire["joint"])
    del wire["reference_id"]
    canonical = orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)
    wire["reference_id"] = "ref-" + hashlib.blake2b(canonical, digest_size=6).hexdigest()
    with pytest.raises(ReferenceFormatError, match=message):
        ReferenceProfile.from_json(orjson.dumps(wire))


def test_features_that_hardly_vary_or_are_mostly_missing_stay_out() -> None:
    rng = np.random.default_rng(5)
    rows = correlated(rng, 2_000, 2)
    missing = np.where(rng.random(2_000) < 0.6, np.nan, 1.0) * rng.normal(size=2_000)
    found = reference(
        rows,
        constant=np.ones(2_000),
        rare=(np.arange(2_000) % 40 == 0).astype(float),  # 97.5 % zeros
        flag=(np.arange(2_000) % 10 == 0).astype(float),
        holes=missing,
        huge=np.where(np.arange(2_000) % 2, 1.7e308, -1.7e308),
        text=["a", "b"] * 1_000,
        nothing=np.full(2_000, np.nan),
    )
    assert joint_of(found).features == ("flag", "x0", "x1")
    assert joint_of(found).counts.rows == 2_000


def test_fifty_features_are_chosen_and_half_of_the_rows_stay_complete() -> None:
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(400, 60))
    assert joint_of(reference(rows)).features == tuple(sorted(f"x{j}" for j in range(60))[:50])
    rows[:, 7] = np.nan
    rows[rng.random(rows.shape) < 0.05] = np.nan
    joint = joint_of(reference(rows))
    assert "x7" not in joint.features
    assert 200 <= joint.counts.rows < 230
    complete = np.isfinite(rows[:, [int(name[1:]) for name in joint.features]]).all(axis=1)
    assert joint.counts.rows == np.count_nonzero(complete)


@pytest.mark.parametrize(
    "rows", [correlated(np.random.default_rng(7), 99), np.ones((500, 3))], ids=["few", "constant"]
)
def test_without_enough_to_go_by_there_is_no_joint_profile(rows: Float) -> None:
    assert reference(rows).joint is None


def test_one_row_in_a_thousand_of_the_reference_is_an_outlier(profile: ReferenceProfile) -> None:
    assert joint_of(profile).counts.outliers == 5
    ties = joint_of(
        reference(np.column_stack([np.arange(1_000) % 2, np.arange(1_000) // 2 % 2]).astype(float))
    )
    assert ties.counts.outliers == 0  # all rows equally far out


# What panes count --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 30, 999, 1_000, 5_000])
def test_scores_are_looked_up_by_bin_whichever_way_values_are_counted(size: int) -> None:
    rng = np.random.default_rng(size)
    edges = edges_from_reference(np.concatenate([rng.normal(size=3_000), np.zeros(2_000)]))
    values = np.concatenate([rng.normal(size=size), [0.0, -0.0, *edges[:3], 1e300, -1e300]])
    table = rng.integers(-99, 99, edges.size + 1).astype(float)
    counts, scores = counts_and_scores(edges, values, table)
    assert counts.tolist() == bin_counts(edges, values).tolist()
    assert scores.tolist() == table[np.searchsorted(edges, values, side="left")].tolist()


def test_sums_and_products_are_those_of_the_rows_scores(profile: ReferenceProfile) -> None:
    rows = correlated(np.random.default_rng(8), 700)
    joint = joint_of(profile)
    scores = np.array(
        [
            joint.scores[j][np.searchsorted(profile.features[name].edges, rows[:, j])]
            for j, name in enumerate(joint.features)
        ]
    ).astype(np.int64)
    counts = pane_of(profile, events(rows)).joint
    assert counts is not None
    assert counts.rows == 700
    assert counts.sums.tolist() == scores.sum(axis=1).tolist()
    assert counts.products.tolist() == (scores @ scores.T)[np.triu_indices(4)].tolist()
    centred = np.corrcoef(scores)[np.triu_indices(4, 1)]
    assert correlations(counts) == pytest.approx(centred)
    assert np.abs(scores).max() <= LARGEST


def test_rows_with_a_bad_cell_count_in_the_histograms_only(profile: ReferenceProfile) -> None:
    rows = events(correlated(np.random.default_rng(9), 40))
    spoilt = [dict(row) for row in rows]
    spoilt[3]["x1"] = None
    spoilt[5]["x0"] = "text"
    del spoilt[8]["x2"]
    spoilt[13]["x3"] = {"no": "number"}
    good = [row for i, row in enumerate(rows) if i not in (3, 5, 8, 13)]
    counts, expected = pane_of(profile, spoilt).joint, pane_of(profile, good).joint
    assert counts is not None
    assert expected is not None
    assert counts.to_wire() == expected.to_wire()
    assert counts.rows == 36


def test_a_pane_s_bytes_do_not_depend_on_cuts_or_order(profile: ReferenceProfile) -> None:
    rng = np.random.default_rng(10)
    cells: list[dict[str, Any]] = events(correlated(rng, 3_000) * 10)
    for i in range(0, 3_000, 17):
        cells[i] = {**cells[i], "x1": [None, "text", 1e308, -1e308][i % 4]}
    whole = orjson.dumps(pane_of(profile, cells).to_wire())
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(3_000).tolist()
        cuts = sorted(np.random.default_rng(seed).integers(0, 3_000, 5).tolist())
        pane = PredictionPane(KEY, profile.reference_id)
        for start, end in zip([0, *cuts], [*cuts, 3_000], strict=True):
            pane.add(pane_of(profile, [cells[i] for i in order[start:end]]))
        assert orjson.dumps(pane.to_wire()) == whole
    assert orjson.dumps(PredictionPane.from_wire(orjson.loads(whole)).to_wire()) == whole


@pytest.mark.parametrize(
    "cells", [[], [{}], [{"x0": 1.0}], [{"y": 1.0}]], ids=["empty", "none", "one", "other"]
)
def test_without_a_complete_row_counts_are_zero_but_there(
    cells: list[dict[str, Any]], profile: ReferenceProfile
) -> None:
    pane = pane_of(profile, [*cells, {}])
    assert pane.joint is not None
    assert pane.joint.to_wire() == JointCounts.empty(4).to_wire()
    assert np.isnan(correlations(pane.joint)).all()


def test_one_row_is_one_row(profile: ReferenceProfile) -> None:
    counts = pane_of(profile, [{"x0": 0.0, "x1": 1.0, "x2": -1.0, "x3": 50.0}]).joint
    assert counts is not None
    assert (counts.rows, counts.outliers) == (1, 1)
    rows, columns = upper_triangle(4)
    assert counts.products.tolist() == (counts.sums[rows] * counts.sums[columns]).tolist()
    assert correlations(counts).tolist() == [0.0] * 6  # nothing varies


def test_a_model_may_go_without(profile: ReferenceProfile) -> None:
    columns, _ = decode_predictions(
        [LogRecord(0, -1, None, b'{"prediction_id":"1","model":"m","version":"1","at":1,"prediction":0}')]
    )
    pane = fill_pane(KEY, columns, columns.groups[0], np.arange(1), profile, jointly=False)
    assert pane.joint is None
    assert "joint" not in pane.to_wire()


def test_distance_is_a_sum_of_squared_standard_scores_that_no_cell_makes_infinite() -> None:
    rng = np.random.default_rng(12)
    values = rng.normal(5, 3, size=(3, 500))
    found = distances(values, np.full(3, 5.0), np.full(3, 3.0))
    assert found / 256 == pytest.approx((((values - 5) / 3) ** 2).sum(axis=0), abs=3 * 0.5 / 256)
    far = distances(
        np.array([[1.7e308], [-1.7e308], [5e-324]]), np.array([-1e308, 0, 0]), np.array([1e-300, 1, 1])
    )
    assert far.tolist() == [2.0 * (1 << 28)]
    single = [distances(values[:, i : i + 1], np.full(3, 5.0), np.full(3, 3.0))[0] for i in range(500)]
    assert single == found.tolist()


# Principal components ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_eigenvectors_agree_with_lapack(size: int) -> None:
    matrix = np.cov(
        np.random.default_rng(size).normal(size=(size, 3 * size)) * np.arange(1, size + 1)[:, None]
    )
    matrix = np.atleast_2d(matrix)
    values, vectors = eigenvectors(matrix)
    assert values == pytest.approx(np.linalg.eigvalsh(matrix)[::-1], rel=1e-9)
    assert matrix @ vectors == pytest.approx(vectors * values, abs=1e-8 * values[0])
    assert vectors.T @ vectors == pytest.approx(np.eye(size), abs=1e-12)


def test_components_hold_65_percent_and_the_error_is_that_of_the_rows() -> None:
    rng = np.random.default_rng(13)
    rows = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))
    second = rows.T @ rows / 300
    components = main_components(second)
    values = np.linalg.eigvalsh(second)[::-1]
    held = np.cumsum(values) / values.sum()
    assert (
        held[components.shape[1] - 1]
        >= 0.65
        > (held[components.shape[1] - 2] if components.shape[1] > 1 else 0)
    )
    left = rows - rows @ components @ components.T
    assert reconstruction_error(second, components) == pytest.approx((left**2).sum(axis=1).mean())


def test_moments_are_symmetric_and_nan_without_rows() -> None:
    assert np.isnan(moments(JointCounts.empty(2))).all()
    counts = JointCounts(2, 0, np.array([32, 0]), np.array([2048, 512, 4096]))
    assert moments(counts).tolist() == [[1.0, 0.25], [0.25, 2.0]]
    assert pairs(2).tolist() == [1]
