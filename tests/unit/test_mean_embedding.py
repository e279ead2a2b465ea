"""The mean embedding of panes and references, and what the discrepancy of two of them sees."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest
from scipy.spatial.distance import cdist

from tiltmeter.core.counting.fill_embedding import KeySample, embed
from tiltmeter.core.counting.fill_predictions import fill_pane
from tiltmeter.core.drift.mean_discrepancy import mean_discrepancy
from tiltmeter.core.panes.embedding_counts import FREQUENCIES, ONE, EmbeddingCounts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.reference.embedding_profile import TURN, EmbeddingProfile
from tiltmeter.core.reference.joint_profile import JointProfile
from tiltmeter.core.reference.profile import ReferenceFormatError, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.decode import decode_predictions

KEY = PaneKey(0, 10_000, "m", "1", "")
FEATURES = 20
Rows = np.ndarray


def rows_of(rng: np.random.Generator, n: int) -> Rows:
    """Normal, every two features with correlation .4."""
    return math.sqrt(0.4) * rng.normal(size=(n, 1)) + math.sqrt(0.6) * rng.normal(size=(n, FEATURES))


@pytest.fixture(scope="module")
def reference() -> ReferenceProfile:
    sample = rows_of(np.random.default_rng(1), 20_000)
    return build_reference({f"x{j:02}": sample[:, j] for j in range(FEATURES)}, model="m", version="1")


def joint_of(reference: ReferenceProfile) -> JointProfile:
    assert reference.joint is not None
    return reference.joint


def embedding_of(reference: ReferenceProfile) -> EmbeddingProfile:
    found = joint_of(reference).embedding
    assert found is not None
    return found


def scores_of(reference: ReferenceProfile, rows: Rows) -> Rows:
    joint = joint_of(reference)
    return np.array(
        [
            table[np.searchsorted(reference.features[name].edges, column)]  # type: ignore[union-attr]
            for name, table, column in zip(joint.features, joint.scores, rows.T, strict=True)
        ]
    )


def mmd_of(reference: ReferenceProfile, rows: Rows) -> float:
    embedding = embedding_of(reference)
    return mean_discrepancy(embed(embedding, scores_of(reference, rows)), embedding.counts).mmd


# What is counted ---------------------------------------------------------------------------------------------


def test_sums_are_those_of_the_rows_one_by_one_whatever_their_order(reference: ReferenceProfile) -> None:
    rng, profile = np.random.default_rng(2), embedding_of(reference)
    scores = scores_of(reference, rows_of(rng, 700) * 3)
    whole = embed(profile, scores)
    singles = EmbeddingCounts.empty()
    for i in rng.permutation(700).tolist():
        singles.add(embed(profile, scores[:, [i]]))
    assert singles.to_wire() == whole.to_wire()
    plain = np.exp(1j * math.tau * (profile.frequencies.astype(float) @ scores) / TURN).sum(axis=1)
    assert whole.sums / ONE == pytest.approx(np.concatenate([plain.real, plain.imag]), abs=700 * 2.0**-15)
    singles.add(embed(profile, scores[:, :300]), -1)
    assert singles.to_wire() == embed(profile, scores[:, 300:]).to_wire()


def test_a_phase_at_its_largest_is_exact() -> None:
    """float32 holds whole numbers up to 2**24; the sum of 50 products must not exceed it."""
    profile = EmbeddingProfile(50, 16, EmbeddingCounts.empty())
    frequencies = profile.frequencies
    extreme = np.where(frequencies[7] < 0, -127.0, 127.0)[:, np.newaxis]
    exact = [sum(int(w) * int(x) for w, x in zip(row, extreme[:, 0], strict=True)) for row in frequencies]
    assert 50 * 127 * np.abs(frequencies).max() < 2**24
    expected = [round(math.cos(math.tau * (phase % TURN) / TURN) * ONE) for phase in exact]
    assert embed(profile, extreme).sums[:FREQUENCIES].tolist() == expected


def pane_of(reference: ReferenceProfile, cells: list[dict[str, Any]], share: float) -> PredictionPane:
    """The pane of these events, as the join makes it from their bytes; ``cells`` may hold ``id`` and ``status``."""
    log = []
    for i, cell in enumerate(cells):
        event = {"model": "m", "version": "1", "at": 1, "prediction": 0, "prediction_id": str(i), **cell}
        log.append(LogRecord(i, -1, None, orjson.dumps(event)))
    columns, rejected = decode_predictions(log)
    assert not rejected
    sampled = KeySample(columns.keys).of(share)
    pane = PredictionPane(KEY, reference.reference_id)
    for group in columns.groups:
        members = np.arange(group.rows.size)
        pane.add(fill_pane(KEY, columns, group, members, reference, sampled=sampled))
    return pane


def events(rows: Rows) -> list[dict[str, Any]]:
    return [
        {"prediction_id": f"p{i}", "features": {f"x{j:02}": value for j, value in enumerate(row)}}
        for i, row in enumerate(rows.tolist())
    ]


def test_rows_with_a_missing_or_non_finite_cell_and_failed_ones_are_not_counted(
    reference: ReferenceProfile,
) -> None:
    cells = events(rows_of(np.random.default_rng(3), 60))
    spoilt = orjson.loads(orjson.dumps(cells))
    spoilt[1]["features"]["x03"] = None
    spoilt[2]["features"]["x19"] = "text"
    del spoilt[3]["features"]["x00"]
    del spoilt[4]["features"]["x05"]
    spoilt[4]["nonfinite"] = {"x05": "nan"}
    del spoilt[5]["features"]["x05"]
    spoilt[5]["nonfinite"] = {"x05": "-inf"}
    spoilt[6]["status"] = "error"
    found = pane_of(reference, spoilt, 1.0).embedding
    expected = pane_of(reference, [cells[0], *cells[7:]], 1.0).embedding
    assert found is not None
    assert expected is not None
    assert found.rows == 54
    assert found.to_wire() == expected.to_wire()


def test_which_rows_are_sampled_follows_from_their_ids_and_not_from_cuts(reference: ReferenceProfile) -> None:
    cells = events(rows_of(np.random.default_rng(4), 2_000))
    whole = pane_of(reference, cells, 0.25)
    assert whole.embedding is not None
    assert whole.embedding.rows == pytest.approx(500, abs=4 * math.sqrt(2_000 * 0.25 * 0.75))
    pane = PredictionPane(KEY, reference.reference_id)
    order = np.random.default_rng(5).permutation(2_000).tolist()
    for start in range(0, 2_000, 333):
        pane.add(pane_of(reference, [cells[i] for i in order[start : start + 333]], 0.25))
    assert orjson.dumps(pane.to_wire()) == orjson.dumps(whole.to_wire())
    assert PredictionPane.from_wire(orjson.loads(orjson.dumps(pane.to_wire()))).to_wire() == whole.to_wire()


def test_a_larger_share_holds_the_smaller_one_s_rows() -> None:
    columns, _ = decode_predictions(
        [
            LogRecord(
                i, -1, None, orjson.dumps({"prediction_id": str(i), "model": "m", "at": 1, "prediction": 0})
            )
            for i in range(3_000)
        ]
    )
    sample = KeySample(columns.keys)
    assert sample.of(0.0) is None
    tenth, half, every = (sample.of(share) for share in (0.1, 0.5, 1.0))
    assert tenth is not None
    assert half is not None
    assert every is not None
    assert every.all()
    assert not (tenth & ~half).any()
    assert [tenth.mean(), half.mean()] == pytest.approx([0.1, 0.5], abs=0.03)


def test_without_a_sampled_row_a_pane_says_nothing(reference: ReferenceProfile) -> None:
    cells = events(rows_of(np.random.default_rng(6), 30))
    assert "embedding" not in pane_of(reference, cells, 0.0).to_wire()
    assert "embedding" not in pane_of(reference, cells, 1e-9).to_wire()
    assert "embedding" not in pane_of(reference, [], 1.0).to_wire()
    pane = pane_of(reference, cells, 1.0)
    assert "embedding" in pane.to_wire()
    pane.add(pane_of(reference, cells, 1.0), -1)
    assert "embedding" not in pane.to_wire()


# The reference -----------------------------------------------------------------------------------------------


def test_an_embedding_survives_its_document_and_one_without_is_read(reference: ReferenceProfile) -> None:
    again = ReferenceProfile.from_json(reference.to_json())
    assert again.to_json() == reference.to_json()
    assert (embedding_of(again).frequencies == embedding_of(reference).frequencies).all()
    assert embedding_of(again).counts.rows == joint_of(reference).counts.rows == 20_000
    wire = orjson.loads(reference.to_json())
    del wire["joint"]["embedding"]
    before = ReferenceProfile.from_json(signed(wire))
    assert joint_of(before).embedding is None
    assert pane_of(before, events(rows_of(np.random.default_rng(8), 5)), 1.0).embedding is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda wire: wire["sums"].pop(),
        lambda wire: wire.update(bandwidth=0),
        lambda wire: wire.pop("seed"),
        lambda wire: wire.update(seed="one"),
    ],
    ids=["sums", "bandwidth", "no seed", "seed"],
)
def test_an_embedding_that_cannot_be_one_is_refused(
    damage: Callable[[dict[str, Any]], None], reference: ReferenceProfile
) -> None:
    wire = orjson.loads(reference.to_json())
    damage(wire["joint"]["embedding"])
    with pytest.raises(ReferenceFormatError):
        ReferenceProfile.from_json(signed(wire))


def signed(wire: dict[str, Any]) -> bytes:
    """A document with the id of its content."""
    wire.pop("reference_id", None)
    canonical = orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)
    wire["reference_id"] = "ref-" + hashlib.blake2b(canonical, digest_size=6).hexdigest()
    return orjson.dumps(wire)


# What MMD sees -----------------------------------------------------------------------------------------------


def flipped(rows: Rows) -> Rows:
    return np.column_stack([rows[:, :3], -rows[:, 3], rows[:, 4:]])


def shifted(rows: Rows) -> Rows:
    return rows + np.where(np.arange(FEATURES) < 3, 0.2, 0.0)


def wider(rows: Rows) -> Rows:
    return rows * np.where(np.arange(FEATURES) < 3, 1.25, 1.0)


def everywhere(rows: Rows) -> Rows:
    return rows + 0.5


@pytest.mark.parametrize("spoil", [None, flipped, shifted, wider, everywhere])
def test_the_estimate_is_that_of_the_exact_kernel_up_to_one_over_the_root_of_the_frequencies(
    spoil: Callable[[Rows], Rows] | None, reference: ReferenceProfile
) -> None:
    """Both are unbiased estimates from the same rows; the one is the mean over 128 random frequencies of what
    the other is the expectation of. Four of its standard errors."""
    rng, profile = np.random.default_rng(9), embedding_of(reference)
    rows = rows_of(rng, 1_500)
    window = scores_of(reference, rows if spoil is None else spoil(rows))
    before = scores_of(reference, rows_of(rng, 1_500))
    exact = unbiased(window, before, profile.bandwidth)
    found = [embed(profile, scores) for scores in (window, before)]
    u, v = ((c.sums[:FREQUENCIES] + 1j * c.sums[FREQUENCIES:]) / (1_500 * ONE) for c in found)
    each = sum((1_500 * np.abs(w) ** 2 - 1) / 1_499 for w in (u, v)) - 2 * (u * v.conj()).real
    error = float(each.std()) / math.sqrt(FREQUENCIES)
    assert each.mean() == pytest.approx(exact, abs=4 * error)
    assert mean_discrepancy(*found).mmd == pytest.approx(math.sqrt(max(each.mean(), 0.0)), abs=1e-9)


def unbiased(x: Rows, y: Rows, bandwidth: int) -> float:
    """Gretton et al. 2012, equation 3, over all pairs of float64[d, n] and float64[d, m]."""

    def kernel(a: Rows, b: Rows) -> Rows:
        return np.asarray(np.exp(-cdist(a.T, b.T, "sqeuclidean") / (2 * bandwidth**2)))

    n, m = x.shape[1], y.shape[1]
    own = (kernel(x, x).sum() - n) / (n * (n - 1)) + (kernel(y, y).sum() - m) / (m * (m - 1))
    return float(own - 2 * kernel(x, y).mean())


def test_equal_distributions_are_at_zero_half_of_the_time_and_changed_ones_far_above(
    reference: ReferenceProfile,
) -> None:
    rng = np.random.default_rng(10)
    null = np.array([mmd_of(reference, rows_of(rng, 1_000)) for _ in range(60)])
    assert 0.4 < np.mean(null == 0) < 0.8
    assert null.max() < 1.2 / math.sqrt(1_000)
    for spoil, at_least in ((flipped, 0.055), (shifted, 0.035), (everywhere, 0.2)):
        changed = [mmd_of(reference, spoil(rows_of(rng, 1_000))) for _ in range(5)]
        assert min(changed) > max(at_least, null.max())


def test_it_is_blind_to_a_third_feature_that_depends_on_two_only_together(
    reference: ReferenceProfile,
) -> None:
    """The third's sign is the product of the other two's: no pair shows it, and with 17 features more neither does a
    kernel as wide as the distance of rows. Of three features alone it is seen."""
    rng = np.random.default_rng(11)
    for features, seen in ((FEATURES, False), (3, True)):
        base = rng.normal(size=(20_000, features))
        plain = build_reference({f"x{j:02}": base[:, j] for j in range(features)}, model="m", version="1")
        found = []
        for together in (False, True):
            rows = rng.normal(size=(2_000, features))
            if together:
                rows[:, 2] = np.abs(rows[:, 2]) * np.sign(rows[:, 0] * rows[:, 1])
            found.append(mmd_of(plain, rows))
        assert (found[1] > 1.2 / math.sqrt(2_000)) is seen
        assert found[0] < 1.2 / math.sqrt(2_000)


@pytest.mark.parametrize(("n", "m"), [(0, 10), (1, 10), (10, 0), (10, 1)])
def test_of_fewer_than_two_rows_there_is_no_estimate(n: int, m: int, reference: ReferenceProfile) -> None:
    scores = scores_of(reference, rows_of(np.random.default_rng(12), 10))
    window, before = (embed(embedding_of(reference), scores[:, :k]) for k in (n, m))
    assert math.isnan(mean_discrepancy(window, before).mmd)
    assert mean_discrepancy(window, before).rows == n
