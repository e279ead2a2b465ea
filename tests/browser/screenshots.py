"""The pictures of the documentation: PYTHONPATH=tests .venv/bin/python -m browser.screenshots

Runs `tiltmeter demo` and looks at its status page some time after both faults were seen. Needs Chromium.
"""

from __future__ import annotations

import base64
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browser.chromium import browser, missing, prefer
from browser.page import Page

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SECONDS = 90
WIDTH = 1240
#: After the last alert: what the fault does to the error rate can be seen by then.
AFTERMATH_SECONDS = 14


@contextmanager
def demo() -> Iterator[str]:
    """The address of the demo's processor."""
    command = [sys.executable, "-m", "tiltmeter", "demo", "--duration", str(SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                found = re.search(r"serves (http://\S+?)/metrics", line)
                if found:
                    yield found[1]
                    return
            raise SystemExit("the demo ended before its processor was ready")
        finally:
            process.send_signal(signal.SIGINT)  # as Ctrl-C: it stops its processor, too
            process.stdout.read()


def take(page: Page, name: str, left: str, top: str, bottom: str) -> None:
    """From the left of one element, from the top of another to the end of a third."""
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDTH, "height": 3000, "deviceScaleFactor": 1, "mobile": False},
    )
    page.js("scrollTo(0, 0); dispatchEvent(new Event('resize'))")
    script = "return document.querySelector(arguments[0]).getBoundingClientRect()[arguments[1]]"
    x, start, end = (
        page.js(script, left, "left"),
        page.js(script, top, "top"),
        page.js(script, bottom, "bottom"),
    )
    clip = {"x": x, "y": max(start - 12, 0), "width": WIDTH - x, "height": end - start + 24, "scale": 1}
    picture = page.driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True}
    )
    write(IMAGES / f"{name}.png", picture["data"])


def write(path: Path, picture: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(base64.b64decode(picture))
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    reason = missing()
    if reason is not None:
        raise SystemExit(reason)
    with demo() as url, tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as driver:
        page = Page(driver, url).open()
        page.await_(lambda: "critical" in page.text("#firing"), SECONDS)
        page.await_(lambda: len(page.find("#timeline .episode")) >= 4)
        time.sleep(AFTERMATH_SECONDS)
        for scheme in ("light", "dark"):
            prefer(driver, scheme)
            take(page, f"status-{scheme}", "body", ".top", "#features")
        prefer(driver, "light")
        take(page, "status-alerts", "main", "#h-timeline", "#worker")


if __name__ == "__main__":
    main()
