"""The worker's web server in a thread of its own, on stages that a test plays events through."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self

from browser.scene import Worker
from tiltmeter.processor.config_reload import ConfigReload
from tiltmeter.processor.web import Web
from tiltmeter.settings import Settings


class Serving:
    """A context manager: ``url`` answers inside it, and :meth:`stop` makes it fall silent before the end."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._web: Web | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        reload = ConfigReload(None, Settings(), Settings, lambda settings: None)
        self._web = Web(self.worker.join, self.worker.watch, reload, "127.0.0.1", 0)
        self._do(self._web.__aenter__())
        self.url = self._web.url
        return self

    def play(self, seconds: int) -> None:
        """Events of so many seconds, between two answers."""
        self._do(self.worker.play(seconds))

    def stop(self) -> None:
        if self._web is not None:
            self._do(self._web.__aexit__())
            self._web = None

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
