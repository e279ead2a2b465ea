"""One Kafka process: formatted once, started and stopped any number of times over the same data and ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kafkabroker import die_with_parent
from kafkabroker.launcher import Launcher
from kafkabroker.properties import LOG4J2_PROPERTIES


class Node:
    """``directory`` is the node's own; its log is ``directory/log``."""

    def __init__(
        self, name: str, directory: Path, launcher: Launcher, jvm: Sequence[str], properties: str
    ) -> None:
        self.name = name
        self.log = directory / "log"
        self._directory = directory
        self._launcher = launcher
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True)
        self._properties = directory / "server.properties"
        self._properties.write_text(properties)
        log4j = directory / "log4j2.properties"
        log4j.write_text(LOG4J2_PROPERTIES)
        self._jvm = [*jvm, f"-Dlog4j2.configurationFile={log4j}"]

    def format(self, cluster_id: str, more: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Begin to write the empty log directory; the caller waits, so that nodes format side by side."""
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._properties), *more]
        return self._spawn(f"{self.name}-format", tool)

    def start(self) -> None:
        """Returns at once. The thread that calls this must live as long as the node (see die_with_parent)."""
        self._process = self._spawn(self.name, ["kafka.Kafka", str(self._properties)])

    def wait(self, timeout_seconds: float) -> int | None:
        """The exit code, or None if it still runs after that long."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self) -> None:
        """SIGTERM: a controlled shutdown. Does not wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, and gone when this returns. Safe to call twice."""
        if self._process is None:
            return
        if self._process.poll() is None:
            by_name = self._launcher.kill_command(self.name)
            if by_name is not None:
                subprocess.run(by_name, capture_output=True, check=False)
            self._process.kill()
        self._process.wait()
        self._process = None

    def log_tail(self) -> str:
        """The end of what the process printed."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def _spawn(self, name: str, main: Sequence[str]) -> subprocess.Popen[bytes]:
        command = self._launcher.command(name, self._directory, [*self._jvm, *main])
        trampoline = [sys.executable, "-S", "-E", die_with_parent.__file__, str(os.getpid())]
        with self.log.open("ab") as log:
            # Its own process group: Ctrl-C at the terminal is for pytest, which then stops the node in order.
            return subprocess.Popen(
                [*trampoline, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
