"""The command line as a newcomer meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from tiltmeter.cli.main import cli


def _commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = list(_commands(cli))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_has_help_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    assert "Example:" in result.output
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_TILTMETER_COMPLETE" in result.output


def test_an_unknown_key_in_the_file_ends_with_its_path_and_code_2(tmp_path: Path) -> None:
    path = tmp_path / "tiltmeter.toml"
    path.write_text('[kafka]\ntopic_prefx = "x"\n')
    result = CliRunner().invoke(cli, ["--config", str(path), "topics", "describe"])
    assert result.exit_code == 2
    assert "kafka.topic_prefx: unknown key" in result.output


def test_a_file_that_is_not_there_ends_with_what_to_do_and_code_2() -> None:
    result = CliRunner().invoke(cli, ["--config", "nowhere.toml", "topics", "describe"])
    assert result.exit_code == 2
    assert "nowhere.toml does not exist: copy docs/tiltmeter.toml" in result.output


def test_a_connection_that_cannot_work_ends_with_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTMETER_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("TILTMETER_KAFKA__SSL_CA_LOCATION", "/nowhere/ca.pem")
    result = CliRunner().invoke(cli, ["topics", "describe"])
    assert result.exit_code == 2, result.output
    assert "ca.location" in result.output


def test_a_reference_is_built_and_shown_from_a_file_of_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = tmp_path / "rows.csv"
    lines = [
        f"{x},{c},{int(x > 0)},{int(x > 0)}"
        for x, c in zip(random.normal(size=300), "abc" * 100, strict=True)
    ]
    rows.write_text("\n".join(["income,channel,prediction,label", *lines]))
    out = tmp_path / "reference.json"
    built = CliRunner().invoke(
        cli, ["reference", "build", str(rows), "--model", "m", "--version", "1", "--out", str(out)]
    )
    assert built.exit_code == 0, built.output
    assert "300 rows, 2 features" in built.output
    shown = CliRunner().invoke(cli, ["reference", "show", str(out)])
    assert shown.exit_code == 0
    assert "income" in shown.output


def test_a_column_that_does_not_exist_is_named(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("x,prediction\n1,1\n")
    result = CliRunner().invoke(
        cli,
        [
            "reference",
            "build",
            str(rows),
            "--model",
            "m",
            "--version",
            "1",
            "--out",
            "o.json",
            "--label",
            "truth",
        ],
    )
    assert result.exit_code == 1
    assert "no label column 'truth'" in result.output


def test_backtest_reads_files_and_writes_one_object_a_line(tmp_path: Path) -> None:
    import orjson

    events = [
        orjson.dumps(
            {"prediction_id": str(i), "model": "m", "at": i * 1_000, "prediction": 1, "features": {"x": i}}
        )
        for i in range(100)
    ]
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(b"\n".join([*events, b"not json", b""]))
    result = CliRunner().invoke(cli, ["backtest", "--predictions", str(path)])
    assert result.exit_code == 0, result.output
    lines = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert lines[-1] == {"type": "summary", "records": 101, "pane": 9, "alert": 0, "rejected": 1}
    assert {line["type"] for line in lines} == {"pane", "rejected", "summary"}
    rejected = next(line for line in lines if line["type"] == "rejected")
    assert (rejected["offset"], rejected["reason"]) == (100, "malformed_json")
