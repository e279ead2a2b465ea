"""What happens to emitters when a process forks or ends."""

from __future__ import annotations

import atexit
import os
import sys
import time
from typing import Protocol


class Living(Protocol):
    exit_timeout: float

    def close(self, timeout: float | None = None) -> bool: ...

    def before_fork(self) -> None: ...

    def forked(self) -> None: ...


class _Process:
    """The emitters of this process that have emitted and are not closed."""

    def __init__(self) -> None:
        self.emitters: list[Living] = []
        self.hooked = False
        self.pool_hook_pid = 0

    def adopt(self, emitter: Living) -> None:
        if not self.hooked:
            self.hooked = True
            atexit.register(self.at_exit)
            os.register_at_fork(before=self.before_fork, after_in_child=self.after_fork)
        self._hook_pool_worker()
        if emitter not in self.emitters:
            self.emitters.append(emitter)

    def release(self, emitter: Living) -> None:
        if emitter in self.emitters:
            self.emitters.remove(emitter)

    def before_fork(self) -> None:
        for emitter in self.emitters:
            emitter.before_fork()

    def after_fork(self) -> None:
        for emitter in self.emitters:
            emitter.forked()

    def at_exit(self) -> None:
        start = time.monotonic()
        for emitter in list(self.emitters):
            emitter.close(max(0.0, emitter.exit_timeout - (time.monotonic() - start)))

    def _hook_pool_worker(self) -> None:
        """A forked child of ``multiprocessing`` ends in ``os._exit``; only that module's hooks run."""
        multiprocessing = sys.modules.get("multiprocessing.util")
        process = sys.modules.get("multiprocessing.process")
        if multiprocessing is None or process is None or process.parent_process() is None:
            return
        if self.pool_hook_pid != os.getpid():
            self.pool_hook_pid = os.getpid()
            multiprocessing.Finalize(None, self.at_exit, exitpriority=0)


PROCESS = _Process()
