"""Building a reference from a file, and showing it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from tiltmeter.backtest.reference_build import ReferenceFileError, reference_from_file
from tiltmeter.backtest.reference_table import describe
from tiltmeter.cli.main import cli
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference


def frame(rows: int = 500) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    amount = rng.lognormal(size=rows)
    return pl.DataFrame(
        {
            "prediction_id": [f"p{i}" for i in range(rows)],
            "amount": [None if i % 50 == 0 else a for i, a in enumerate(amount.tolist())],
            "visits": rng.poisson(3, rows),
            "country": rng.choice(["de", "fr", "it"], rows, p=[0.6, 0.3, 0.1]),
            "prediction": rng.integers(0, 2, rows),
            "label": rng.integers(0, 2, rows),
            "score": rng.random(rows).round(6),
        }
    )


def build(path: Path, **options: object) -> ReferenceProfile:
    return reference_from_file(path, model="fraud", version="3", **options)


def test_every_format_gives_the_same_reference(tmp_path: Path) -> None:
    rows = frame()
    rows.write_parquet(tmp_path / "rows.parquet")
    rows.write_csv(tmp_path / "rows.csv")
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress((tmp_path / "rows.csv").read_bytes()))
    ids = {build(tmp_path / f"rows.{kind}").reference_id for kind in ("parquet", "csv", "csv.gz")}
    assert len(ids) == 1


def test_features_are_all_columns_but_the_special_ones(tmp_path: Path) -> None:
    frame().write_parquet(tmp_path / "rows.parquet")
    profile = build(tmp_path / "rows.parquet", effective_from_ms=7)
    assert list(profile.features) == ["amount", "visits", "country"]
    assert (profile.rows, profile.effective_from_ms) == (500, 7)
    assert profile.score is not None
    assert profile.performance is not None
    assert profile.performance.labelled == 500


def test_columns_may_be_named(tmp_path: Path) -> None:
    frame().rename({"label": "target"}).write_parquet(tmp_path / "rows.parquet")
    profile = build(tmp_path / "rows.parquet", label="target", features=["visits"])
    assert list(profile.features) == ["visits"]
    assert profile.performance is not None
    assert profile.performance.labelled == 500


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "truth"}, "no label column 'truth'; there are prediction_id, amount"),
        ({"features": ["amount", "age"]}, "no column 'age'"),
        ({"features": ["amount", "seen"]}, "column 'seen' is Datetime.*leave it out"),
        ({"score": "country", "features": ["amount"]}, "column 'country': must be numeric"),
        ({"features": []}, "no feature columns"),
    ],
)
def test_an_error_names_the_file_and_the_column(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    seen = pl.Series("seen", [datetime(2024, 1, 1, tzinfo=UTC)] * 500)
    frame().with_columns(seen).write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ReferenceFileError, match=rf"rows\.parquet: {message}"):
        build(tmp_path / "rows.parquet", **options)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "no such file"),
        ("rows.xlsx", b"x", "unknown kind of file"),
        ("rows.parquet", b"not parquet", "cannot be read"),
        ("rows.csv", b"", "cannot be read"),
        ("rows.csv", b"a,b\n", "at least one row"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ReferenceFileError, match=rf"{name}: .*{message}"):
        build(tmp_path / name)


def test_a_reference_is_shown_as_a_table(tmp_path: Path) -> None:
    frame().write_parquet(tmp_path / "rows.parquet")
    profile = build(tmp_path / "rows.parquet")
    lines = describe(profile).splitlines()
    assert lines[0] == f"{profile.reference_id}  fraud 3  500 rows"
    assert lines[1].startswith("classification, 2 classes: accuracy 0.")
    assert lines[-1].startswith("Categories are counted on about half of the rows")
    by_name = {line.split()[0]: line for line in lines[3:-2]}
    assert list(by_name) == ["column", "amount", "visits", "country", "(prediction)", "(label)", "(score)"]
    assert by_name["amount"].split()[:4] == ["amount", "number", "490", "10"]
    median = float(np.quantile(frame()["amount"].drop_nulls().to_numpy(), 0.5, method="inverted_cdf"))
    assert f"{median:.4g}" in by_name["amount"]
    assert "3 categories" in by_name["country"]
    assert by_name["country"].endswith(("█▄▂", "█▄▁", "█▅▂", "█▅▁"))


def test_a_constant_an_empty_column_and_a_regression_can_be_shown(tmp_path: Path) -> None:
    pl.DataFrame(
        {"one": [1.0] * 9, "none": [None] * 9, "prediction": [0.5] * 9, "label": [0.75] * 9}
    ).write_parquet(tmp_path / "rows.parquet")
    text = describe(build(tmp_path / "rows.parquet"))
    assert "mean absolute error 0.25 (cap 0.5) on 9 labelled rows" in text
    assert "one" in text
    assert "none" in text


def test_segments_have_references_of_their_own_rows(tmp_path: Path) -> None:
    rows, config, out = tmp_path / "rows.parquet", tmp_path / "t.toml", tmp_path / "fraud-3.json"
    frame(5_000).write_parquet(rows)
    config.write_text('[models.fraud.segments]\ncountry = ["de", "at"]\nvisits = ["2"]\n')
    command = ["--config", str(config), "reference", "build", str(rows), "--model", "fraud", "--version", "3"]
    built = CliRunner().invoke(cli, [*command, "--out", str(out), "--segments"])
    assert built.exit_code == 0, built.output
    assert "not built: country=at: 0 rows" in built.stderr
    found = {
        p.segment: p
        for p in (ReferenceProfile.from_json(file.read_bytes()) for file in tmp_path.glob("*.json"))
    }
    assert found.keys() == {"", "country=de", "country=(other)", "visits=2", "visits=(other)"}
    whole = frame(5_000)
    assert found["country=de"].rows == whole.filter(pl.col("country") == "de").height
    assert found["country=(other)"].rows == whole.filter(pl.col("country") != "de").height
    assert found["visits=2"].rows + found["visits=(other)"].rows == found[""].rows
    assert "fraud 3 country=de" in describe(found["country=de"])
    nothing = CliRunner().invoke(cli, [*command[2:], "--out", str(out), "--segments"])
    assert nothing.exit_code == 2
    assert "models.fraud.segments" in nothing.output


def test_segments_of_a_regression_are_measured_in_the_units_of_the_whole(tmp_path: Path) -> None:
    """Errors in "far" are ten times those in "near": alone each would have a cap of its own, and panes know one."""
    random = np.random.default_rng(8)
    labels, far = random.normal(100, 20, 20_000), random.random(20_000) < 0.2
    rows, config, out = tmp_path / "rows.parquet", tmp_path / "t.toml", tmp_path / "price-1.json"
    errors = random.normal(0, 1, 20_000) * np.where(far, 10, 1)
    where = np.where(far, "far", "near")
    table = {"x": labels, "where": where, "prediction": labels + errors, "label": labels}
    pl.DataFrame(table).write_parquet(rows)
    config.write_text('[models.price.segments]\nwhere = ["far"]\n')
    command = ["--config", str(config), "reference", "build", str(rows), "--model", "price", "--version", "1"]
    built = CliRunner().invoke(cli, [*command, "--segments", "--out", str(out)])
    assert built.exit_code == 0, built.output
    found = {
        p.segment: p.performance
        for p in (ReferenceProfile.from_json(file.read_bytes()) for file in tmp_path.glob("*.json"))
    }
    whole = found[""]
    assert whole is not None
    for performance in found.values():
        assert performance is not None
        assert performance.comparable_with(whole)
        assert performance.residual_edges == whole.residual_edges
        assert performance.label_edges == whole.label_edges
        mean = performance.absolute_error_sum / performance.labelled
        assert performance.loss_sum / performance.labelled * performance.cap == pytest.approx(mean, rel=0.01)
    later = tmp_path / "later.json"
    again = CliRunner().invoke(cli, [*command, "--like", str(out), "--out", str(later), "--features", "x"])
    assert again.exit_code == 0, again.output
    assert ReferenceProfile.from_json(later.read_bytes()).performance == whole


def test_a_reference_in_other_units_is_not_comparable_and_says_what_to_do() -> None:
    def regression(scale: float, start_ms: int = 0, segment: str = "") -> ReferenceProfile:
        labels = np.random.default_rng(3).normal(size=5_000) * scale
        return build_reference(
            {},
            model="price",
            version="1",
            predictions=labels * 1.1,
            labels=labels,
            effective_from_ms=start_ms,
            segment=segment,
        )

    first, later, part = regression(1.0), regression(3.0, 1_000), regression(3.0, segment="where=far")
    book = ReferenceBook([first, later, part])
    assert book.incomparable(first) is None
    assert first.reference_id in (book.incomparable(later) or "")
    assert "--like" in (book.incomparable(part) or "")
    assert "publish a reference of all its rows" in (ReferenceBook([part]).incomparable(part) or "")
    replaced = ReferenceBook([first, regression(3.0)])
    assert replaced.first("price", "1") == replaced.at("price", "1", 0)
    assert replaced.by_id(first.reference_id) is first


def test_no_feature_takes_the_name_of_the_predictions(tmp_path: Path) -> None:
    frame().rename({"amount": "(prediction)"}).write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ReferenceFileError, match="rename the column"):
        build(tmp_path / "rows.parquet")


def built(*arguments: object) -> Result:
    command = ["reference", "build", "--model", "m", "--version", "1", *map(str, arguments)]
    return CliRunner().invoke(cli, command)


def rows_of(folder: Path, *, numbers: bool, labelled: bool = True) -> Path:
    """300 rows of a regression, or of a classification, with or without labels."""
    random = np.random.default_rng(5)
    said = random.normal(size=300) if numbers else random.integers(0, 2, 300)
    table = {"x": random.normal(size=300), "prediction": said, **({"label": said} if labelled else {})}
    path = folder / f"{numbers}-{labelled}.parquet"
    pl.DataFrame(table).write_parquet(path)
    return path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("x,y\n1,2\n", "not JSON"),
        ('{"schema": 7}', "not a reference of schema 1"),
        ('{"schema": 1, "rows": 3, "reference_id": "ref-0"}', "damaged or edited"),
    ],
)
def test_a_file_that_is_no_reference_is_named_with_what_to_do(
    tmp_path: Path, content: str, reason: str
) -> None:
    bad, out = tmp_path / "bad.json", tmp_path / "out.json"
    bad.write_text(content)
    rows = rows_of(tmp_path, numbers=True)
    for ended in (
        CliRunner().invoke(cli, ["reference", "publish", str(bad)]),
        CliRunner().invoke(cli, ["reference", "show", str(bad)]),
        CliRunner().invoke(cli, ["backtest", "--predictions", str(bad), "--reference", str(bad)]),
        built(rows, "--out", out, "--like", bad),
    ):
        assert ended.exit_code == 1
        said = f"Error: {bad}: not a reference: build it with tiltmeter reference build ("
        assert said in ended.stderr
        assert reason in ended.stderr
    assert not out.exists()


def test_a_folder_that_is_not_there_is_refused_before_the_rows_are_read(tmp_path: Path) -> None:
    unreadable = tmp_path / "rows.parquet"
    unreadable.write_bytes(b"not parquet")
    ended = built(unreadable, "--out", tmp_path / "nodir" / "x.json")
    assert ended.exit_code == 2
    assert f"'--out': {tmp_path / 'nodir'}: no such folder; make it first" in ended.stderr


def test_a_time_that_is_none_is_named_with_its_option_and_an_example(tmp_path: Path) -> None:
    rows, out = rows_of(tmp_path, numbers=True), tmp_path / "x.json"
    ended = built(rows, "--out", out, "--effective-from", "yesterday")
    assert ended.exit_code == 2
    for said in ("'--effective-from'", "'yesterday'", "Write 2026-01-01T00:00:00Z"):
        assert said in ended.stderr
    assert built(rows, "--out", out, "--effective-from", "1970-01-01T01:00:00+00:30").exit_code == 0
    assert ReferenceProfile.from_json(out.read_bytes()).effective_from_ms == 30 * 60_000


@pytest.mark.parametrize(("numbers", "labelled"), [(False, True), (True, False)])
def test_units_can_only_come_from_and_go_to_a_regression_with_labels(
    tmp_path: Path, numbers: bool, labelled: bool
) -> None:
    regression, other = rows_of(tmp_path, numbers=True), rows_of(tmp_path, numbers=numbers, labelled=labelled)
    first, without, out = tmp_path / "first.json", tmp_path / "c.json", tmp_path / "out.json"
    assert built(regression, "--out", first).exit_code == 0
    assert built(other, "--out", without).exit_code == 0
    from_it = built(regression, "--out", out, "--like", without)
    assert from_it.exit_code == 2
    assert f"--like {without} holds no errors of a regression: name the version's first" in from_it.stderr
    to_it = built(other, "--out", out, "--like", first)
    assert to_it.exit_code == 2
    assert f"{other} holds no labelled rows of one: leave --like out" in to_it.stderr
    assert not out.exists()
    assert built(regression, "--out", out, "--like", first).exit_code == 0
