"""Where the files are, or a skip that says what is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).parents[2]


def data_file(name: str) -> Path:
    """Skips the test where the file is absent: it is research data of other people, not ours to ship."""
    named = os.environ.get("TILTMETER_TEST_DATA")
    folder = Path(named) if named else _REPOSITORY.parent / "shared" / "data"
    path = folder / name
    if not path.is_file():
        pytest.skip(f"{name} is neither in $TILTMETER_TEST_DATA nor in shared/data beside the checkout")
    return path
