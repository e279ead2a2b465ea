"""What docs/events.md shows is what the code does."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tiltmeter.cli.redrive import summary
from tiltmeter.events.columns import CELL_NONFINITE, CELL_TYPE_ERROR, LogRecord, Rejected
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.events.reasons import MAX_EVENT_BYTES, Reason
from tiltmeter.events.rejected_record import REDRIVEN, rejected_record
from tiltmeter.redrive.mark import MARK
from tiltmeter.redrive.run import Report
from tiltmeter.redrive.selection import Skip

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
EXAMPLES = re.findall(r"^```(?:json|text) ([a-z ]+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NEW_YEAR_2027 = 1_798_761_600_000


def record(how: str, text: str) -> LogRecord:
    headers = []
    if how.startswith("binary"):
        head, _, text = text.partition("\n\n")
        headers = [
            (name, value.encode()) for name, value in (line.split(": ", 1) for line in head.splitlines())
        ]
    return LogRecord(0, NEW_YEAR_2027, None, text.encode(), headers)


@pytest.mark.parametrize(("how", "text"), EXAMPLES, ids=[how for how, _ in EXAMPLES])
def test_an_example_is_accepted(how: str, text: str) -> None:
    decode = decode_feedback if how.endswith("feedback") else decode_predictions
    columns, rejected = decode([record(how, text)])
    assert (len(columns), rejected) == (1, [])


def test_all_kinds_of_examples_are_there() -> None:
    assert Counter(how for how, _ in EXAMPLES) == {
        "prediction": 2,
        "feedback": 1,
        "binary prediction": 1,
        "structured feedback": 1,
    }


def test_the_imperfect_example_is_read_as_the_page_says() -> None:
    columns, _ = decode_predictions([record(*EXAMPLES[-1])])
    states = {name: cells.states.tolist() for name, cells in columns.groups[0].features.items()}
    assert states == {"x": [CELL_NONFINITE], "y": [CELL_TYPE_ERROR]}
    assert columns.imperfect == {"score": 1}


def test_every_reason_is_there_with_its_advice() -> None:
    section = PAGE.partition("## What costs the event")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", section, re.MULTILINE)
    assert dict(rows) == {reason.value: reason.advice for reason in Reason}


def test_every_header_of_ours_is_there() -> None:
    cut = Rejected(0, "too_large", "", 0, None, b" " * (MAX_EVENT_BYTES + 1))
    names = [name for name, _ in rejected_record(cut, "t", 0).headers]
    for name in names:
        assert f"`.{name.removeprefix('__tiltmeter.errors.')}`" in PAGE or f"`{name}`" in PAGE
    assert f"`{REDRIVEN}`" in PAGE
    assert f"`{MARK}`" in PAGE


def test_the_command_ends_as_the_page_shows() -> None:
    report = Report()
    report.sent[("tiltmeter.predictions", "future_time")] = 1_200
    report.sent[("tiltmeter.feedback", "malformed_json")] = 4
    report.skipped.update({Skip.CUT: 2, Skip.SENT_BEFORE: 1})
    (shown,) = re.findall(r"^```console\n\$ tiltmeter redrive.*?\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert "\n".join(summary(report, sent=True)) + "\n" == shown
