"""Headless Chromium, driven by Selenium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
)


def missing() -> str | None:
    """Why no browser can be started here; None if one can."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if not absent:
        return None
    return f"{' and '.join(absent)} not installed: apt-get install chromium chromium-driver"


@contextmanager
def browser(profile: Path, size: tuple[int, int] = (1280, 900)) -> Iterator[webdriver.Chrome]:
    """With a profile of its own that nobody has used before."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def until(driver: webdriver.Chrome, what: Callable[[webdriver.Chrome], object], seconds: float = 20) -> None:
    """Wait for ``what`` to hold, as somebody who looks at the page would."""
    WebDriverWait(driver, seconds, poll_frequency=0.1).until(what)


def prefer(driver: webdriver.Chrome, scheme: str, media: str = "screen") -> None:
    """What the visitor's system prefers: light or dark, and nothing that moves."""
    wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wishes.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
