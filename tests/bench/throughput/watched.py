"""A process and what it costs: its CPU time at any moment, and the most memory it held. Linux: reads /proc."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

_DIE_WITH_PARENT = Path(__file__).parents[2] / "kafkabroker" / "die_with_parent.py"
_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_SECONDS = 0.02


class Watched:
    """Starts at once; a context manager that leaves no process behind. Standard output is kept."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.peak_rss_bytes = 0
        self._cpu: list[tuple[float, float]] = []  # (wall clock, CPU seconds)
        self._output, self._log = folder / "output", folder / "log"
        with self._output.open("wb") as output, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_DIE_WITH_PARENT), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env={**os.environ, **environment},
            )
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._watching.join()

    def output(self, timeout_seconds: float) -> str:
        """What it has printed, once it has ended."""
        code = self._process.wait(timeout_seconds)
        if code != 0:
            raise RuntimeError(f"exit code {code}: {self.complaint()}")
        return self._output.read_text()

    def check(self) -> None:
        """Raise if it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"exit code {self._process.returncode}: {self.complaint()}")

    def complaint(self) -> str:
        return "\n".join(self._log.read_text().splitlines()[-30:])

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(40)

    def cpu_seconds(self, begin: float, end: float) -> float:
        """Between two moments of the wall clock, all threads."""
        at, used = np.array(self._cpu).T
        first, last = np.interp([begin, end], at, used)
        return float(last - first)

    def _watch(self) -> None:
        process = Path(f"/proc/{self._process.pid}")
        while True:
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                status = (process / "status").read_text()
            except OSError:  # it is gone
                return
            self._cpu.append((time.time(), (int(fields[11]) + int(fields[12])) / _TICKS))
            peak = status.partition("VmHWM:")[2].split()
            if not peak:  # it has ended and waits to be buried
                return
            self.peak_rss_bytes = max(self.peak_rss_bytes, int(peak[0]) * 1024)
            time.sleep(_EVERY_SECONDS)
