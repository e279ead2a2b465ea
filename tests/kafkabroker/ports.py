"""Loopback ports that stay ours while nothing listens on them: a restarted node finds its old address."""

from __future__ import annotations

import socket


class ReservedPort:
    """Bound, not listening: nobody else is given the port, SO_REUSEADDR lets the JVM bind it too."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Safe to call twice."""
        self._socket.close()
