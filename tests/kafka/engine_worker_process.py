"""Starts worker processes and waits for what they report."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent / "engine_worker.py"
TESTS = Path(__file__).parents[1]

#: Set whenever any worker of this test process reports anything or ends.
_news = threading.Condition()
_logs: set[Path] = set()


def wait_until(condition: Callable[[], Any], seconds: float = 40.0, what: str = "") -> Any:
    """The first true value of `condition`, looked at after each report."""
    with _news:
        met = _news.wait_for(condition, timeout=seconds)
    if not met:
        logs = "\n".join(f"{path}: {path.read_text()[-3000:]}" for path in _logs)
        raise AssertionError(f"not within {seconds} s{what and ': ' + what}. What workers logged:\n{logs}")
    return met


class WorkerProcess:
    """One worker; `events` grows as it reports. Use as a context manager: it is killed at the end."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.events: list[dict[str, Any]] = []
        self.ended = False
        path = Path(config["dir"])
        path.mkdir(parents=True, exist_ok=True)
        self.log = path / "log"
        _logs.add(self.log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SCRIPT), json.dumps(config)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={"PYTHONPATH": str(TESTS), "PATH": "/usr/bin:/bin"},
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        _logs.discard(self.log)
        if self.process.stdout:
            self.process.stdout.close()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 40.0) -> int:
        """The exit code, negative for a signal."""
        code = self.process.wait(seconds)
        wait_until(lambda: self.ended)
        return code

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.wait()

    def saw(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Reports so far that match."""
        return [e for e in self.events if e["event"] == event and fields.items() <= e.items()]

    def owned(self) -> set[tuple[str, int]]:
        """Source partitions open now."""
        owned: set[tuple[str, int]] = set()
        for e in self.events:
            if e["event"] in ("open", "close"):
                sources = {(t, e["partition"]) for t in e.get("topics", self.config.get("topics", []))}
                owned = owned | sources if e["event"] == "open" else owned - sources
        return set() if self.ended else owned

    def ends(self) -> dict[tuple[str, int], int]:
        """Offsets processed, by source partition."""
        return {(e["topic"], e["partition"]): e["end"] for e in self.saw("batch")}

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with _news:
                self.events.append(json.loads(line))
                _news.notify_all()
        with _news:
            self.ended = True
            _news.notify_all()
