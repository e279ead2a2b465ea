"""One `tiltmeter run` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import orjson

from kafka.e2e.polling import eventually

_DIE_WITH_PARENT = Path(__file__).parents[2] / "kafkabroker" / "die_with_parent.py"
READY_SECONDS = 60.0


def environment() -> dict[str, str]:
    """Ours, without settings that would reach into the configuration under test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TILTMETER_")}


class Worker:
    """Starts at once; a context manager that leaves no process behind. ``variables`` are of its environment."""

    def __init__(self, configuration: Path, log: Path, **variables: str) -> None:
        self.log = log
        command = [sys.executable, "-m", "tiltmeter", "--config", str(configuration), "run", "--port", "0"]
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, str(_DIE_WITH_PARENT), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**environment(), **variables},
            )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str | None:
        """Where it serves, once it has said so."""
        for line in self.log.read_text().splitlines():
            if line.startswith("serving "):
                return line.split()[1].removesuffix("/metrics")
        return None

    @property
    def killed(self) -> bool:
        """By this test, not by a failure of its own."""
        return self.process.poll() == -signal.SIGKILL

    def ready(self) -> bool:
        return self.get("/readyz") is not None

    def await_ready(self) -> Worker:
        eventually(self.ready, READY_SECONDS, self.complaint)
        return self

    def get(self, path: str) -> bytes | None:
        """The body of a 200, None for any other answer or none. A worker that ended by itself fails the test."""
        assert self.process.poll() is None, self.complaint()
        if self.url is None:
            return None
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                body: bytes = answer.read()
                return body
        except (urllib.error.URLError, OSError):
            return None

    def status(self) -> dict[str, Any] | None:
        body = self.get("/status.json")
        return None if body is None else orjson.loads(body)

    def kill(self) -> None:
        """SIGKILL; it is gone on return."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(40)

    def complaint(self) -> str:
        tail = "\n".join(self.log.read_text().splitlines()[-40:])
        return f"The worker ({self.process.poll()}) logged:\n{tail}"
