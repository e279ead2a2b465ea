"""promtool and its like: on PATH, or where `make ops` puts them."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FETCHED = ROOT / ".cache" / "ops"
_FETCH_SECONDS = 150
#: Debian's name for it.
_ALIASES = {"alertmanager": "prometheus-alertmanager"}


def tool(name: str) -> str:
    """Path of a program. Skips the test where there is none; CI tries to fetch it first."""
    found = _find(name)
    if found is None and os.environ.get("CI") == "true":
        _fetch()
        found = _find(name)
    if found is None:
        pytest.skip(f"no {name} on this machine: put it on PATH, or let `make ops` fetch it from Debian")
    return found


def run(name: str, *arguments: object, stdin: str | None = None) -> str:
    """Its standard output. A failure shows all that it said."""
    done = subprocess.run(
        [tool(name), *map(str, arguments)],
        cwd=ROOT,
        input=stdin,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{name} {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}"
    return done.stdout


def _find(name: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), str(_FETCHED / "root" / "usr" / "bin")])
    return shutil.which(name, path=path) or shutil.which(_ALIASES.get(name, name), path=path)


@functools.cache
def _fetch() -> None:
    """Once. What fails is said by the script, and every test that is skipped for it says so again."""
    script = ROOT / "tests" / "ops" / "get_tools.sh"
    try:
        subprocess.run([str(script), str(_FETCHED)], timeout=_FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"get_tools: gave up after {_FETCH_SECONDS} s")
