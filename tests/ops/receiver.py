"""Slack, PagerDuty and a webhook on the loopback interface: keeps what it is sent, by path."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Payload = dict[str, Any]


class Receiver:
    """``with Receiver() as receiver: ... receiver.url("/slack")``; answers 202 to every POST of JSON."""

    def __init__(self) -> None:
        self._received: dict[str, list[Payload]] = defaultdict(list)
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._keep(self.path, json.loads(body))
                self.send_response(202)
                self.end_headers()
                self.wfile.write(b'{"status": "success"}')

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def received(self, path: str) -> list[Payload]:
        with self._changed:
            return list(self._received[path])

    def wait_for(self, path: str, wanted: Callable[[Payload], bool], seconds: float) -> Payload:
        """The first payload that is ``wanted``. Fails with what came instead."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for payload in self._received[path]:
                    if wanted(payload):
                        return payload
                if not self._changed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"{path}: not within {seconds:g} s; came: {self._received[path]}")

    def _keep(self, path: str, payload: Payload) -> None:
        with self._changed:
            self._received[path].append(payload)
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
