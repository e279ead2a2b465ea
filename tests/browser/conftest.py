"""A browser per session, a worker per test module. Skipped where there is no Chromium, also with CI=true: the
page's documents are tested without one in tests/unit/test_status_page.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from browser.scene import Worker
from browser.serving import Serving

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    pytest.importorskip("selenium", reason="no browser tests: selenium is not installed (make venv)")
    from browser import chromium

    reason = chromium.missing()
    if reason is not None:
        pytest.skip(f"no browser tests: {reason}")
    with chromium.browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="session")
def serving() -> Iterator[Serving]:
    """Six models after a minute; nobody changes it."""
    with Serving(Worker(rate=60)) as serving:
        serving.play(62)
        yield serving
