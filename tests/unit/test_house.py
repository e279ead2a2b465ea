"""Rules of the house that no linter knows (the direction of imports is import-linter's, see pyproject.toml)."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

from tiltmeter.cli.main import cli
from tiltmeter.metrics.table import METRICS
from tiltmeter.settings import Settings

REPO = Path(__file__).parents[2]
SOURCES = sorted((REPO / "services" / "tiltmeter").rglob("*.py"))
#: Names that say nothing about what is inside.
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base_service"}


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_files_are_small() -> None:
    sizes = {path: _lines(path) for path in SOURCES if path.name != "__init__.py"}
    assert statistics.median(sizes.values()) <= 100
    assert {str(path): n for path, n in sizes.items() if n > 300} == {}


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in SOURCES if path.stem in VAGUE] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(REPO)))
def test_every_module_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "no module docstring"


def test_a_blanket_except_stands_only_where_everything_must_be_caught() -> None:
    """The emitter's edge (serving must not notice), the agent loop (a stage's failure stops the worker), the
    refresh of references (a worker that monitors is worth more than a fresh one), and the border to RocksDB, whose
    binding raises nothing more precise."""
    found = {
        str(path.relative_to(REPO / "services" / "tiltmeter"))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id in ("Exception", "BaseException")
    }
    assert found <= {
        "emitter/client.py",
        "processor/engine/app.py",
        "processor/engine/partition_task.py",
        "processor/rocksdb_store.py",
        "processor/service.py",
    }


def test_every_metric_is_documented() -> None:
    text = (REPO / "docs" / "metrics.md").read_text()
    assert [m.full_name for m in METRICS.values() if f"`{m.full_name}`" not in text] == []


def test_every_command_is_in_the_readme() -> None:
    text = (REPO / "README.md").read_text()
    shown = re.findall(r"tiltmeter (?:--config \S+ )?([a-z]+)", text)
    assert set(cli.commands) <= set(shown)


def test_every_section_of_the_settings_is_in_the_reference_configuration() -> None:
    text = (REPO / "docs" / "tiltmeter.toml").read_text()
    missing = []
    for section, field in Settings.model_fields.items():
        names = getattr(field.annotation, "model_fields", {})
        missing += [
            f"{section}.{name}"
            for name in names
            if f"{name} = " not in text and not re.search(rf"\[.*\.{name}\b", text)
        ]
    assert missing == []
