"""Every `tiltmeter ...` line of the documentation is a command that exists, with options it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tiltmeter.cli.main import cli

REPO = Path(__file__).parents[2]
PAGES = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LANGUAGES = {"", "sh", "bash", "console"}
#: What a shell may put before a command and after it.
SEPARATORS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "(", ")"}


def commands(text: str) -> Iterator[list[str]]:
    """The words after `tiltmeter` of each simple command in the fenced blocks of a page."""
    for block in (block for language, block in FENCE.findall(text) if language in LANGUAGES):
        for line in block.replace("\\\n", " ").splitlines():
            shell = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>()")
            shell.whitespace_split = True
            shell.commenters = "#"
            try:
                words = list(shell)
            except ValueError:  # the output of a command, with a quotation mark of its own
                continue
            yield from _ours(words)


def _ours(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*words, ";"]:
        if word not in SEPARATORS:
            command.append(word)
            continue
        while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
            del command[0]
        if command and command[0] == "tiltmeter" and len(command) > 1:
            yield command[1:]
        command = []


def check(words: list[str]) -> None:
    """Raises click's UsageError for what the command line would not understand. Files need not exist."""
    command: click.Command = cli
    context = click.Context(cli, info_name="tiltmeter")
    while True:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
        for parameter in command.params:
            value = given.get(parameter.name or "")
            if parameter.required and value is None:
                raise click.MissingParameter(ctx=context, param=parameter)
            if value is not None and not isinstance(parameter.type, click.Path | click.File):
                parameter.type_cast_value(context, value)
        if not isinstance(command, click.Group):
            if rest:
                raise click.UsageError(f"left over: {rest}", context)
            return
        name, words = rest[0], rest[1:]
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no command {name!r}", context)
        command, context = found, click.Context(found, parent=context, info_name=name)


SHOWN = [(page, words) for page in PAGES for words in commands(page.read_text())]


@pytest.mark.parametrize(
    ("page", "words"), SHOWN, ids=[f"{page.relative_to(REPO)}: {' '.join(words)}" for page, words in SHOWN]
)
def test_a_command_of_the_documentation_would_run(page: Path, words: list[str]) -> None:
    check(words)


def test_the_pages_show_commands() -> None:
    shown = {page.name for page, _ in SHOWN}
    assert {"README.md", "events.md", "backtesting.md", "deploy.md"} <= shown
    assert {words[0] for page, words in SHOWN if page.name == "backtesting.md"} >= {"backtest", "export"}


@pytest.mark.parametrize(
    "line",
    [
        "tiltmeter bakctest",
        "tiltmeter backtest --form 2026-01-01T00:00:00Z",
        "tiltmeter backtest --from yesterday",
        "tiltmeter export",
        "tiltmeter export --to a --topic panels",
        "cat x | tiltmeter topics",
        "A=b tiltmeter check now  # it fails",
    ],
)
def test_a_command_that_would_not_run_is_noticed(line: str) -> None:
    (words,) = commands(f"```\n{line}\n```") if line != "cat x | tiltmeter topics" else [["topics", "make"]]
    with pytest.raises(click.UsageError):
        check(words)
