"""The processor of the demo: a real `tiltmeter run` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

READY_SECONDS = 60.0

#: Small panes, and few of them to learn over-dispersion from, so that there is something to see within seconds.
_CONFIGURATION = """\
[kafka]
bootstrap_servers = "{bootstrap}"
topic_prefix = "{prefix}"

[watermark]
delay = "1s"
idle_after = "3s"

[processor]
group = "{prefix}"
port = 0
session_timeout = "10s"

[default]
pane = "1s"
windows = {{ short = 10, medium = 60 }}

[default.tolerances]
learning_panes = 10
"""


class WorkerFailedError(RuntimeError):
    """The processor ended, or did not become ready; the message holds the end of its log."""


class Worker:
    """Started by the constructor; ``url`` is where it serves."""

    def __init__(self, folder: Path, bootstrap: str, prefix: str = "tiltmeter") -> None:
        configuration = folder / "tiltmeter.toml"
        configuration.write_text(_CONFIGURATION.format(bootstrap=bootstrap, prefix=prefix))
        self._log = folder / "processor.log"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tiltmeter", "--config", str(configuration), "run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("TILTMETER_")},
        )
        self.url = ""
        self._reader = threading.Thread(target=self._keep_log, daemon=True)
        self._reader.start()
        self._await_ready()

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise if the processor has ended."""
        if self._process.poll() is not None:
            raise WorkerFailedError(
                f"the processor ended with code {self._process.returncode}:\n{self._tail()}"
            )

    def stop(self) -> None:
        """Ask it to leave; insist after a while. Safe to call twice."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _keep_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines, self._log.open("w") as log:
            for line in lines:
                if line.startswith("serving "):
                    self.url = line.split()[1].removesuffix("/metrics")
                log.write(line)
                log.flush()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.check()
            if self.url and _answers(f"{self.url}/readyz"):
                return
            time.sleep(0.1)
        self.stop()
        raise WorkerFailedError(f"the processor was not ready after {READY_SECONDS:g} s:\n{self._tail()}")

    def _tail(self) -> str:
        return "\n".join(self._log.read_text().splitlines()[-15:]) if self._log.exists() else "(no log)"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
